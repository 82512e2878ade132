"""Chooses the values of a study's next trials, by Optuna's samplers. No source of a person runs here."""
import itertools
import sys
import types
import warnings


def run(asked):
    """Gives {"proposed": {"trials": [values by parameter], "state": what the next call goes on from}}.

    A trial that is drawn at random in any case, whatever came of the others, is
    drawn with those that follow it. A space of several models has the parameter
    model first: what is of one model is asked for only where that is chosen.
    """
    sys.modules["sqlite3"] = types.ModuleType("sqlite3")  # for studies in databases: its library is outside of the fences
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, points = asked["space"], None
    if asked["sampler"] == "grid":
        points = _points(space)
        sampler = optuna.samplers.GridSampler({"point": range(len(points))}, seed=asked["seed"])
    else:
        sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[asked["sampler"]](seed=asked["seed"])
    generators = [s._rng.rng for s in (sampler, getattr(sampler, "_random_sampler", None)) if s is not None]
    for generator, state in zip(generators, asked["state"] or []):
        generator.set_state(("MT19937", *state))
    study = optuna.create_study(sampler=sampler, direction="maximize" if asked["maximize"] else "minimize")
    if points:  # the number of a trial is all that counts
        study.add_trials([optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL) for _ in asked["told"]])
        trials = [points[study.ask().suggest_categorical("point", range(len(points)))] for _ in range(asked["count"])]
    else:
        spaces = {_key(p): _distribution(optuna.distributions, p) for p in space}
        study.add_trials([_told(optuna.trial, t, space, spaces) for t in asked["told"]])
        trials = [_ask(study.ask(), space, spaces) for _ in range(asked["count"])]
    return {"proposed": {"trials": trials, "state": [_state(g) for g in generators]}}


def _key(p):
    """The name of a parameter for Optuna, which knows no two by one name."""
    return f"{p['model']}/{p['name']}" if p["model"] else p["name"]


def _of(p, values):
    """Whether a trial with values has a parameter."""
    return p["model"] in ("", values.get("model"))


def _points(space):
    """The points of a grid in the order of Optuna, by the names of their parameters."""
    points = []
    for model in next((p["grid"] for p in space if p["name"] == "model"), [None]):
        axes = {p["name"]: p["grid"] if p["name"] != "model" else [model] for p in sorted(space, key=lambda p: p["name"]) if _of(p, {"model": model})}
        points += [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    return points


def _distribution(of, p):
    if p["kind"] == "choice":
        return of.CategoricalDistribution(p["choices"])
    if p["kind"] == "int":
        return of.IntDistribution(int(p["low"]), int(p["high"]), log=p["log"], step=int(p["step"]) or 1)
    return of.FloatDistribution(p["low"], p["high"], log=p["log"], step=p["step"] or None)


def _ask(trial, space, spaces):
    values = {}
    for p in space:
        if _of(p, values):
            values[p["name"]] = _suggest(trial, _key(p), spaces[_key(p)])
    return values


def _suggest(trial, key, d):
    if hasattr(d, "choices"):
        return trial.suggest_categorical(key, d.choices)
    suggest = trial.suggest_int if type(d).__name__ == "IntDistribution" else trial.suggest_float
    return suggest(key, d.low, d.high, step=d.step, log=d.log)


def _told(of, t, space, spaces):
    value = t.get("value")
    state = of.TrialState[t["state"].upper()]
    if value is None and state.is_finished():
        state = of.TrialState.FAIL
    params = {_key(p): t["parameters"][p["name"]] for p in space if _of(p, t["parameters"])}
    params = {key: int(v) if type(spaces[key]).__name__ == "IntDistribution" else v for key, v in params.items()}
    known = {} if state in (of.TrialState.FAIL, of.TrialState.RUNNING) else {"value": value}
    if state == of.TrialState.PRUNED:
        known["intermediate_values"] = {t["epoch"]: value}
    return of.create_trial(state=state, params=params, distributions={key: spaces[key] for key in params}, **known)


def _state(generator):
    _, key, *rest = generator.get_state()
    return [key.tolist(), *rest]
