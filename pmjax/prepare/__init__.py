"""From a cohort to arrays that a model may see: splits, transforms fitted on training rows, index tables."""
