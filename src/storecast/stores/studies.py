"""Studies in Optuna: a seeded sampler over a study in SQL, which processes share and go on with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from storecast.errors import ConflictError, SetupError
from storecast.forecasting.tuning import Knob, Tried
from storecast.ports.studies import Objective
from storecast.stores.forecast_log.database import first_line

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.storages import RDBStorage

__all__ = ["OptunaStudies"]

_RETRIES = 3
_LOSSES, _FACTS = "losses", "facts"
_STARTUP, _WARMUP = 8, 2  # trials before any is given up; cutoffs of a trial before it is


def _named(url: str) -> str:
    """``url`` without its password; of what is no URL only what stands before the colon."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return url.partition(":")[0]


@contextmanager
def _calm() -> Iterator[None]:
    """Optuna's lines and its notices of what is experimental are not for our users."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


class OptunaStudies:
    """The port ``Studies`` in the SQL database at ``url``.

    A trial under way gives a sign of life every ``heartbeat`` seconds; after ``grace`` without one it is
    tried again by whoever begins the next.
    """

    def __init__(self, url: str, *, heartbeat: int = 5, grace: int = 30) -> None:
        self._url, self._heartbeat, self._grace = url, heartbeat, grace

    def _storage(self) -> RDBStorage:
        from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback

        try:
            return RDBStorage(
                self._url,
                heartbeat_interval=self._heartbeat,
                grace_period=self._grace,
                heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=_RETRIES),
            )
        except (ImportError, RuntimeError, ValueError) as error:  # its driver, its tables, its port
            raise self._refused(error) from error

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Calmly, and with what the database refuses told as ``SetupError``."""
        from optuna.exceptions import StorageInternalError

        with _calm():
            try:
                yield
            except (SQLAlchemyError, StorageInternalError) as error:
                raise self._refused(error) from error

    def _refused(self, error: Exception) -> SetupError:
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        return SetupError(
            "the studies' database cannot be opened, read or written",
            where=_named(self._url),
            expected="sqlite:///path/to/studies.db in a folder that is there, or a database that answers",
            found=first_line(cause),
            remedy="correct STORECAST_STUDIES_URL, or without it STORECAST_HOME, and check that it has space",
        )

    def search(
        self,
        name: str,
        knobs: Sequence[Knob],
        objective: Objective,
        *,
        facts: Mapping[str, str],
        first: Mapping[str, float],
        trials: int,
        seconds: float | None,
        seed: int,
        told: Callable[[int, float], None],
    ) -> None:
        """See ``ports.studies.Studies.search``."""
        with self._asking():
            import optuna
            from optuna.trial import TrialState

            done = (TrialState.COMPLETE, TrialState.PRUNED)
            study = self._opened(name, facts, first, seed)

            def finished() -> int:
                return len(study.get_trials(deepcopy=False, states=done))

            def try_one(trial: Trial) -> float:
                def give_up(cutoff: int, score: float) -> bool:
                    trial.report(score, cutoff)
                    return trial.number > 0 and trial.should_prune()

                found = objective(_asked(trial, knobs), give_up)
                if found is None:
                    raise optuna.TrialPruned
                trial.set_user_attr(_LOSSES, list(found[1]))
                return found[0]

            def after(study: Study, trial: Any) -> None:
                complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
                count = finished()
                told(count, min((t.value for t in complete if t.value is not None), default=1.0))
                if count >= trials:
                    study.stop()

            if finished() < trials:
                study.optimize(try_one, timeout=seconds, callbacks=[after])

    def _opened(self, name: str, facts: Mapping[str, str], first: Mapping[str, float], seed: int) -> Study:
        import optuna

        study = optuna.create_study(
            storage=self._storage(),
            study_name=name,
            direction="minimize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=_WARMUP),
        )
        if _FACTS not in study.user_attrs:
            study.set_user_attr(_FACTS, dict(facts))
        if (known := study.user_attrs[_FACTS]) != dict(facts):
            differ = sorted(key for key in {*known, *facts} if known.get(key) != facts.get(key))
            raise ConflictError(
                f"the study {name} was made on something else",
                where=", ".join(differ),
                expected="; ".join(f"{key} {known.get(key)}" for key in differ),
                found="; ".join(f"{key} {facts.get(key)}" for key in differ),
                remedy="give the new one a name of its own by --study",
            )
        # What was tried before moves the sampler on: one that goes on does not repeat its numbers.
        study.sampler = optuna.samplers.TPESampler(
            seed=(seed * 1_000_003 + len(study.get_trials(deepcopy=False))) % 2**32,
            multivariate=True,
        )
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(dict(first), skip_if_exists=True)
        return study

    def tried(self, name: str) -> list[Tried]:
        """See ``ports.studies.Studies.tried``."""
        with self._asking():
            from optuna.trial import TrialState

            study = self._found(name)
            trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if study else []
            return [
                Tried(t.number, dict(t.params), float(t.value), tuple(t.user_attrs[_LOSSES]))
                for t in trials
                if t.value is not None
            ]

    def facts(self, name: str) -> dict[str, str] | None:
        """See ``ports.studies.Studies.facts``."""
        with self._asking():
            study = self._found(name)
            return None if study is None else dict(study.user_attrs.get(_FACTS, {}))

    def _found(self, name: str) -> Study | None:
        import optuna

        try:
            return optuna.load_study(study_name=name, storage=self._storage())
        except KeyError:
            return None


def _asked(trial: Trial, knobs: Sequence[Knob]) -> dict[str, float]:
    values: dict[str, float] = {}
    for knob in knobs:
        if knob.whole:
            values[knob.path] = trial.suggest_int(knob.path, int(knob.low), int(knob.high), log=knob.log)
        else:
            values[knob.path] = trial.suggest_float(knob.path, knob.low, knob.high, log=knob.log)
    return values
