"""Paper: what R. Ahmad, "The Future of Patient Care", prints of its own; published there, not reproduced here."""

# Table X: family, then accuracy, precision, recall, F1. The paper gives no intervals, data or code.
TABLE_X = (
    ("cnn", 0.91, 0.89, 0.92, 0.90),
    ("rnn", 0.89, 0.88, 0.89, 0.88),
    ("dnn", 0.90, 0.91, 0.93, 0.91),
    ("hybrid", 0.91, 0.92, 0.94, 0.93),
)
NOTE = (
    "Copied from Table X of R. Ahmad, “The Future of Patient Care: Revolutionizing Treatment Plans through Deep "
    "Learning and Precision Medicine”. Its data and code are not public and it gives no intervals, so these values "
    "were not reproduced and are not comparable with ours: other patients, other outcomes. Its text states 0.92 for "
    "the accuracy of CNN+RNN."
)
