"""Job files for clusters: arrays of workers under SLURM, indexed jobs under Kubernetes."""
