"""The mistakes of losses, metrics and objectives that are each valid but don't fit together."""

from __future__ import annotations

from collections.abc import Iterator

from studyhall.search.study_file import objectives, own_code
from studyhall.search.study_file.losses import METRICS
from studyhall.search.study_file.mistake import Mistake
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import spelling

SMOOTHING = "label_smoothing"


def of_whole(file: StudyFile) -> Iterator[Mistake]:
    """Yield every such mistake of a study file."""
    yield from _of_directions(file)
    yield from _of_several(file)
    yield from _of_names(file)
    yield from _of_smoothing(file)


def _of_directions(file: StudyFile) -> Iterator[Mistake]:
    """Yield objectives that studyhall doesn't know and whose direction isn't written."""
    about = file.study.model_dump()
    names, ways = objectives.of_file(about), objectives.given_ways(about)
    if len(ways) > len(names):
        received = f"{len(ways)} for {_counted(len(names))}"
        yield Mistake("study", "direction", received, "one for each objective")
    for place, (name, way) in enumerate(zip(names, ways, strict=False)):
        known = [*objectives.KNOWN]
        if place == 0:
            known = [each for each in known if each not in objectives.AT_THE_END]
        if name not in known and way == "auto" and objectives.known_as(name) in (None, name):
            yield _without_direction(name, known, "a list of directions" if place else "direction")


def _without_direction(name: str, known: list[str], key: str) -> Mistake:
    near = spelling.nearest(name, known)
    meant = f'"{near}"' if near else f"one of {', '.join(known)}"
    own = own_code.is_own(name)
    if own:
        return Mistake("study", "objective", f'"{name}" without a direction', f"{key} beside it")
    named = f"{meant}; for a metric of your own model"
    return Mistake("study", "objective", f'"{name}"', f"{named}, also {key}")


def _of_several(file: StudyFile) -> Iterator[Mistake]:
    """Yield pruners and samplers that don't support several objectives."""
    names = objectives.of_file(file.study.model_dump())
    if len(names) == 1:
        return
    if file.search.pruner not in ("auto", "none"):
        received = f'"{file.search.pruner}" with {len(names)} objectives'
        yield Mistake("search", "pruner", received, '"auto" or "none": pruning needs one objective')
    if file.search.sampler == "cmaes":
        received = f'"cmaes" with {len(names)} objectives'
        yield Mistake("search", "sampler", received, '"auto": cmaes needs one objective')


def _of_names(file: StudyFile) -> Iterator[Mistake]:
    """Yield metrics of the user's own that would be recorded under the name of another one."""
    seen: dict[str, str] = {}
    for each in file.own_code:
        if each.role != own_code.METRIC:
            continue
        table, _, key = each.key.partition(" ")
        others = f"a metric named {each.name}, as is {seen.get(each.name, 'one of studyhall')}"
        taken = each.name in (*METRICS, *objectives.AT_THE_END, *own_code.TAKEN)
        if taken or each.name in seen or each.name.startswith("val_"):
            expected = f"another name: it is recorded as {each.name}"
            others = others if taken or each.name in seen else "a name that begins with val_"
            yield Mistake(table.strip("[]"), key, f'"{each.reference}", {others}', expected)
        seen[each.name] = f'"{each.reference}"'


def _of_smoothing(file: StudyFile) -> Iterator[Mistake]:
    """Yield label smoothing, which only Keras' own losses of classes have."""
    if own_code.is_own(file.training.loss) and file.space.get(SMOOTHING, 0) != 0:
        written = spelling.cut(spelling.as_toml(file.space[SMOOTHING]), 80)
        received = f'{written} with loss = "{file.training.loss}"'
        yield Mistake("space", SMOOTHING, received, "none: a loss of your own smooths by itself")


def _counted(count: int) -> str:
    return "one objective" if count == 1 else f"{count} objectives"
