"""Studies as other tools hold them: tables, other databases, MLflow, folders of KerasTuner."""
