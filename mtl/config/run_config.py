"""The configuration of a run, typed: what each key may be, and whether it can change a number."""

from math import inf
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.fields import FieldInfo

from mtl.config.fields import IDENTITY, PLACE, RUNTIME, Frozen, Mark, format_value

SCHEMA: Literal[3] = 3  # of result.json and of the config.yaml beside it
AUTO = "auto"  # the value of grouping that asks for measured groups
LARGEST_SEED = 2**32 - 1
DAY = 86_400  # seconds
MOST_THREADS = 1024  # far more end the process before it can say anything
THREADS = f"a whole number, 1 to {MOST_THREADS}, or null"
PRECISIONS = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}  # in full; the rows are in single precision

# What a factory is called with: ``_target_`` names it, the other keys are its arguments. Empty: there is none
Node = dict[str, Any]
Names = list[str]


ModuleName = Annotated[str, Field(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*$")]


def whole(least: int) -> Any:
    """A field of whole numbers from ``least`` on."""
    return Field(ge=least, description=f"a whole number, {least} or more")


def node() -> Any:
    """A field that says what to make."""
    return Field(description="a mapping with a _target_")


def switch() -> Any:
    """A field that is on or off."""
    return Field(description="true or false")


class Choices(Frozen):
    """The option chosen in each config group; the class of what ran, where a config names another than the option's."""

    task: Annotated[str, IDENTITY]
    model: Annotated[str, IDENTITY]
    encoder: Annotated[str | None, IDENTITY]
    weighting: Annotated[str, IDENTITY]
    optimizer: Annotated[str, IDENTITY]
    scheduler: Annotated[str | None, IDENTITY]
    hardware: Annotated[str, PLACE]
    improve: Annotated[str | None, IDENTITY]
    execution: Annotated[str | None, IDENTITY]

    @field_validator("*")
    @classmethod
    def _no_way_elsewhere(cls, value: str | None, info: Any) -> str | None:
        """They are folders in the path of a run, and a config may be somebody else's."""
        if value is not None and ("\\" in value or "\0" in value or {"", ".", ".."} & set(value.split("/"))):
            raise ValueError(f"choices.{info.field_name}={value!r}: expected the name of an option")
        return value


class Relations(Frozen):
    """How tasks depend on one another.

    Attributes:
        depends_on: by task, the tasks whose predictions its head also sees; None: as the suite says.
        detach: without sending gradients back through them.
    """

    depends_on: Annotated[
        dict[str, Names] | None, IDENTITY, Field(description="tasks and lists of tasks, such as {b: [a]}")
    ]
    detach: Annotated[bool, IDENTITY, switch()]

    @field_validator("depends_on")
    @classmethod
    def _named_once(cls, value: dict[str, Names] | None) -> dict[str, Names] | None:
        for task, upstream in (value or {}).items():
            check_different(f"relations.depends_on.{task}", upstream)
        return value


class AffinitySettings(Frozen):
    """How ``grouping=auto`` finds the groups.

    Attributes:
        measure: what is looked at.
        networks: most groups; None: as many as there are tasks.
        epochs: of the first training, or of each of those of pairs.
        every: optimizer steps between two looks at the gradients.
    """

    measure: Annotated[
        Literal["features", "lookahead", "cosine", "pairwise"],
        IDENTITY,
        Field(description="features, lookahead, cosine or pairwise"),
    ]
    networks: Annotated[
        int | None,
        IDENTITY,
        Field(ge=1, description="a whole number, 1 or more, or null for as many as there are tasks"),
    ]
    epochs: Annotated[int, IDENTITY, whole(1)]
    every: Annotated[int, IDENTITY, whole(1)]


class Hardware(Frozen):
    """Arguments of Lightning's trainer. Any that is not a field here can be given too, and is part of the identity.

    Attributes:
        accelerator: cpu, gpu, auto, ...: the same computation, equal up to rounding.
        devices: processes; dropout and batch normalisation differ with their number.
        num_nodes: machines.
        strategy: how processes work together.
        precision: of the numbers.
        rendezvous_timeout: seconds for which each of several machines waits for the others before a training begins.
        max_time: of one training, ``days:hours:minutes:seconds``; then the run ends so that it can be gone on with.
    """

    model_config = ConfigDict(extra="allow")

    accelerator: Annotated[str, RUNTIME]
    devices: Annotated[int | str | list[int], IDENTITY]
    num_nodes: Annotated[int, IDENTITY, whole(1)] = 1
    strategy: Annotated[str, IDENTITY] = "auto"
    precision: Annotated[str, IDENTITY]
    rendezvous_timeout: Annotated[float, RUNTIME, Field(gt=0, le=DAY, description=f"seconds, at most {DAY}")] = 1800.0
    max_time: Annotated[
        str | None,
        RUNTIME,
        Field(
            pattern=r"^\d{1,4}(:\d{1,2}){3}$",
            description="days:hours:minutes:seconds, such as 00:01:30:00, or null for no limit",
        ),
    ] = None

    @field_validator("precision", mode="before")
    @classmethod
    def _precision_in_full(cls, value: Any) -> str:
        found = PRECISIONS.get(str(value), value)  # one computation is one run, however it is typed
        if found not in PRECISIONS.values():
            valid = ", ".join(PRECISIONS.values())
            raise ValueError(f"hardware.precision={format_value(value)}: expected one of {valid}")
        return str(found)

    def arguments(self) -> dict[str, Any]:
        """What the trainer is called with."""
        return self.model_dump(exclude_unset=True, exclude={"rendezvous_timeout", "max_time"})

    @property
    def seconds(self) -> float | None:
        """The most seconds of one training."""
        if self.max_time is None:
            return None
        days, hours, minutes, seconds = map(int, self.max_time.split(":"))
        return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


class RunConfig(Frozen):
    """Everything that a run is told.

    Attributes:
        schema_version: of this layout; called ``schema`` in the file.
        choices: the option chosen in each group.
        seed: of initial values, order of the rows, and dropout.
        epochs: most passes over the training rows; without patience exactly so many, unless ``steps`` are fewer.
        steps: most optimizer steps, in whole epochs; None: no such limit.
        patience: validations without improvement after which training comes to its end; None: the limits alone end it.
        validate_every: optimizer steps at least from one validation to the next, in whole epochs.
        selection: what the best epoch is chosen by; None: as the suite says.
        batch_size: rows of one optimizer step, over all processes and accumulated batches.
        accumulate: batches per optimizer step.
        gradient_clip: largest norm of the gradient; None: no limit.
        compile: the network is compiled.
        log_every: optimizer steps between two points on the dashboard.
        tasks: a part of the suite's; None: all.
        auxiliary: those of them that help the others and do not count; None: all count.
        relations: between them.
        grouping: groups of tasks that share; ``auto``: as measured first; None: one group of all.
        affinity: how ``auto`` measures.
        rates: learning rates of tasks that share nothing, where they are not the optimizer's; None: the optimizer's.
        finish_heads: each task's own parameters are trained on, by its own validation loss.
        second_cooldown: a further cooldown without dropout; the better epoch by validation is kept.
        shrinkage: predicted numbers that are too far from their mean are moved towards it, by the validation rows.
        task: factory of the suite.
        model: of the sharing strategy.
        encoder: of its trunk.
        weighting: of the weighting.
        optimizer: of the optimizer.
        scheduler: of the learning rate's schedule; empty: the rate stays.
        improve: of what improves the trained network by acting; empty: nothing.
        execution: of the environment that the trained agent acts in; empty: it does not act.
        callbacks: factories of own Lightning callbacks, by any name.
        hardware: arguments of the trainer.
        output: directory of runs.
        resume: a run directory to go on with.
        threads: of one process on the CPU; None: the cores divided among the processes, at most 4, and one where steps
            are small.
        progress: a progress bar, or lines.
        profiler: of Lightning, that writes where a training spends its time; None: none.
        logger: Lightning loggers, or factories of them, by any name.
        replicas: most runs of a sweep that are trained at once in one process.
        trust: modules in which a ``_target_`` may be beside those that always may (:mod:`mtl.config.targets`). Never
            read from a run directory.
    """

    schema_version: Annotated[Literal[3], PLACE, Field(alias="schema", repr=False)] = SCHEMA  # nobody types it
    choices: Annotated[Choices, IDENTITY, Field(repr=False)]
    seed: Annotated[int, IDENTITY, Field(ge=0, le=LARGEST_SEED, description=f"a whole number, 0 to {LARGEST_SEED}")]
    epochs: Annotated[int, IDENTITY, whole(1)]
    steps: Annotated[int | None, IDENTITY, Field(ge=1, description="a whole number, 1 or more, or null")]
    patience: Annotated[int | None, IDENTITY, Field(ge=1, description="a whole number, 1 or more, or null")]
    validate_every: Annotated[int, IDENTITY, whole(1)]
    selection: Annotated[Literal["score", "acting"] | None, IDENTITY, Field(description="score, acting or null")]
    batch_size: Annotated[int, IDENTITY, whole(1)]
    accumulate: Annotated[int, IDENTITY, whole(1)]
    gradient_clip: Annotated[float | None, IDENTITY, Field(gt=0, description="a number above 0, or null for no limit")]
    compile: Annotated[bool, IDENTITY, switch()]
    log_every: Annotated[int, IDENTITY, whole(1)]
    tasks: Annotated[Names | None, IDENTITY, Field(description="a list of tasks, such as [a,b], or null for all")]
    auxiliary: Annotated[
        Names | None,
        IDENTITY,
        Field(default=None, description="a list of tasks that do not count, such as [a,b], or null for none"),
    ]
    relations: Annotated[Relations, IDENTITY, Field(description="a mapping with depends_on and detach")]
    grouping: Annotated[
        Literal["auto"] | list[Names] | None,
        IDENTITY,
        Field(description="auto, groups of tasks such as [[a,b],[c]], or null"),
    ]
    affinity: Annotated[
        AffinitySettings, IDENTITY, Field(description="a mapping with measure, networks, epochs, every")
    ]
    rates: Annotated[
        dict[str, Annotated[float, Field(gt=0)]] | None,
        IDENTITY,
        Field(description="learning rates above 0 by task, such as {a: 0.001}, or null"),
    ]
    finish_heads: Annotated[bool, IDENTITY, Field(default=False, description="true or false")]
    second_cooldown: Annotated[bool, IDENTITY, Field(default=False, description="true or false")]
    shrinkage: Annotated[bool, IDENTITY, Field(default=False, description="true or false")]
    task: Annotated[Node, IDENTITY, node()]
    model: Annotated[Node, IDENTITY, node()]
    encoder: Annotated[Node, IDENTITY, node()]
    weighting: Annotated[Node, IDENTITY, node()]
    optimizer: Annotated[Node, IDENTITY, node()]
    scheduler: Annotated[Node, IDENTITY, node()]
    improve: Annotated[Node, IDENTITY, node()]
    execution: Annotated[Node, IDENTITY, node()]
    callbacks: Annotated[dict[str, Node], IDENTITY, Field(description="nodes with a _target_, by name")]
    hardware: Annotated[Hardware, IDENTITY, Field(description="a mapping of arguments of the trainer")]
    output: Annotated[str, PLACE, Field(min_length=1, description="a directory for the runs, such as outputs")]
    resume: Annotated[str | None, PLACE, Field(description="a run directory, or null")]
    threads: Annotated[int | None, RUNTIME, Field(ge=1, le=MOST_THREADS, description=THREADS)]
    progress: Annotated[bool, RUNTIME, switch()]
    profiler: Annotated[
        Literal["simple", "advanced"] | None, RUNTIME, Field(default=None, description="simple, advanced or null")
    ]
    logger: Annotated[
        dict[str, Node], RUNTIME, Field(default={}, description="loggers, such as logger=[tensorboard,mlflow]")
    ]
    replicas: Annotated[int, RUNTIME, Field(default=1, ge=1, description="a whole number, 1 or more")]
    trust: Annotated[list[ModuleName], RUNTIME, Field(default=[], description="a list of modules, such as [acme]")]

    @field_validator("tasks")
    @classmethod
    def _tasks_once(cls, value: Names | None) -> Names | None:
        if value == []:
            raise ValueError("tasks=[]: expected at least one task, or null for all")
        check_different("tasks", value or [])
        return value

    @field_validator("auxiliary")
    @classmethod
    def _auxiliary_once(cls, value: Names | None) -> Names | None:
        check_different("auxiliary", value or [])
        return value or None  # none of the tasks: as where the key is not there

    @field_validator("grouping")
    @classmethod
    def _groups_filled(cls, value: Any) -> Any:
        if isinstance(value, list):
            if not value or not all(value):
                raise ValueError(
                    f"grouping={format_value(value)}: expected auto, groups of tasks such as [[a,b],[c]], or null"
                )
            for group in value:
                check_different("grouping", group)
        return value

    @model_validator(mode="after")
    def _clips_what_can_be_clipped(self) -> "RunConfig":
        if self.gradient_clip is not None and self.hardware.precision == "16-mixed" and self.optimizer.get("fused"):
            raise ValueError(
                "hardware.precision=16-mixed scales gradients, which optimizer.fused=true does not let be clipped: set "
                "optimizer.fused=false, or use bf16-mixed"
            )
        return self

    @model_validator(mode="after")
    def _rate_is_above_zero(self) -> "RunConfig":
        rate = self.optimizer.get("lr", 1.0)
        if type(rate) in (int, float) and not 0 < rate < inf:
            raise ValueError(f"optimizer.lr={rate}: expected a number above 0, such as 0.001")
        return self

    @model_validator(mode="after")
    def _ends_when_the_rate_does(self) -> "RunConfig":
        most = self.scheduler.get("T_max", 1)
        if type(most) is not int or most < 1:
            raise ValueError(f"scheduler.T_max={format_value(most)}: expected a whole number of epochs, 1 or more")
        limits = {"patience": self.patience, "steps": self.steps}
        for name, value in limits.items():
            if "T_max" in self.scheduler and value is not None:
                raise ValueError(
                    f"scheduler={self.choices.scheduler} falls to zero at an epoch fixed in advance, and "
                    f"{name}={value} may end the training before: use scheduler=cooldown, or patience=null steps=null "
                    "and some epochs, such as 20"
                )
        return self

    @classmethod
    def resumable_keys(cls) -> tuple[str, ...]:
        """Keys of which a run may go on with another value, wholly or, as of ``hardware``, in part."""
        return tuple(name for name, field in cls.model_fields.items() if _has_resumable(field))

    def changed(self, **values: Any) -> "RunConfig":
        """The same config with other values of some fields; one that a field does not take is an InputError."""
        return RunConfig.read({**self.model_dump(by_alias=True), **values})


def check_different(key: str, names: Names) -> None:
    """Raise ValueError, which the model turns into one line, if a name stands twice."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{key}={format_value(names)}: task '{name}' is named twice")


def _has_resumable(field: FieldInfo) -> bool:
    """Whether a field, or one of the model that it holds, may differ when a run goes on."""
    parts = getattr(field.annotation, "model_fields", {}).values()
    return any(isinstance(mark, Mark) and mark.resumable for mark in field.metadata) or any(map(_has_resumable, parts))
