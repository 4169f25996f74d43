"""Job shops as an environment: decoders, baselines, report and Gantt chart."""
