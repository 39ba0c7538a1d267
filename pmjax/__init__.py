"""pmjax: a study in precision medicine, from one config to one report. Research use only."""

__version__ = "0.1.0"
