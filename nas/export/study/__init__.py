"""A campaign as an Optuna study, for optuna-dashboard and Optuna's plots."""

from nas.export.study.write import Exported, export_study

__all__ = ["Exported", "export_study"]
