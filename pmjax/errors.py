"""Errors for people: one line that says what is wrong, where, and what to do."""


class UserError(Exception):
    """Something that the user can mend; entry points print it as one line and exit with code 2."""

    exit_code = 2


class AuditError(UserError):
    """A blocking audit finding stopped the study before training; exit code 3."""

    exit_code = 3
