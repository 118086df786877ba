"""The writing of hyperparameters and attributes into Optuna's tables, many rows per statement."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studyhall.storage.database import Transaction, encoding
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import Lease, LeaseLost

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# System attributes that a sampler needs only while the trial runs, or that are too large to keep.
_PASSING_NOTES = ("tpe:relative_params", "cma:optimizer", "studyhall:draw")


def params(transaction: Transaction, lease: Lease, trial: "FrozenTrial") -> None:
    """Write a trial's hyperparameters and the system attributes that the sampler has set.

    Raises:
        LeaseLost: another worker holds the trial; nothing is written.
    """
    packed = encoding.pack_params(trial.params, trial.distributions)
    if not leases.show_params(transaction, lease, *packed):
        raise LeaseLost
    binds: dict[str, Any] = {"trial_id": lease.trial_id}
    for i, (name, value) in enumerate(trial.params.items()):
        space = trial.distributions[name]
        binds |= {f"name{i}": name, f"value{i}": space.to_internal_repr(value)}
        binds[f"space{i}"] = encoding.distribution_json(space)
    rows = ", ".join(
        f"(:trial_id, :name{i}, :value{i}, :space{i})" for i in range(len(trial.params))
    )
    transaction.run(
        f"""
        INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
        VALUES {rows} ON CONFLICT (trial_id, param_name) DO NOTHING""",
        **binds,
    )
    attributes(transaction, "trial_system", lease.trial_id, kept(trial.system_attrs))


def attributes(
    transaction: Transaction, kind: str, owner_id: int, values: Mapping[str, Any]
) -> None:
    """Write attributes into one of Optuna's tables, all in one statement.

    Args:
        transaction: the one to do it in.
        kind: the table: "trial_user", "trial_system" or "study_system".
        owner_id: the identifier of the trial or study.
        values: attributes by key.
    """
    if not values:
        return
    owner = f"{kind.split('_')[0]}_id"
    rows = ", ".join(f"(:owner_id, :key{i}, :value{i})" for i in range(len(values)))
    binds: dict[str, Any] = {"owner_id": owner_id}
    for i, (key, value) in enumerate(values.items()):
        binds |= {f"key{i}": key, f"value{i}": encoding.to_json(value)}
    transaction.run(
        f"""
        INSERT INTO {kind}_attributes ({owner}, key, value_json) VALUES {rows}
        ON CONFLICT ({owner}, key) DO UPDATE SET value_json = excluded.value_json""",
        **binds,
    )


def kept(system_attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the system attributes that are kept with the trial after it has ended."""
    return {
        key: value for key, value in system_attributes.items() if not key.startswith(_PASSING_NOTES)
    }
