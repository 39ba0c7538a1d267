"""What pmjax costs, against whom: `python -m benchmarks.NAME`, one module a question. Results go to `results/`."""
