"""Chooses the values of a study's next trials, by Optuna's samplers. No source of a person runs here."""
import sys
import types
import warnings


def run(asked):
    """Gives {"proposed": {"trials": [values by parameter], "state": what the next call goes on from}}.

    A trial that is drawn at random in any case, whatever came of the others, is
    drawn with those that follow it.
    """
    sys.modules["sqlite3"] = types.ModuleType("sqlite3")  # for studies in databases: its library is outside of the fences
    import optuna

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {p["name"]: _distribution(optuna.distributions, p) for p in asked["space"]}
    sampler = _sampler(optuna.samplers, asked)
    generators = [s._rng.rng for s in (sampler, getattr(sampler, "_random_sampler", None)) if s is not None]
    for generator, state in zip(generators, asked["state"] or []):
        generator.set_state(("MT19937", *state))
    study = optuna.create_study(sampler=sampler, direction="maximize" if asked["maximize"] else "minimize")
    study.add_trials([_told(optuna.trial, t, spaces) for t in asked["told"]])
    trials = [study.ask(spaces).params for _ in range(asked["count"])]
    return {"proposed": {"trials": trials, "state": [_state(g) for g in generators]}}


def _distribution(of, p):
    if p["kind"] == "choice" or "grid" in p:
        return of.CategoricalDistribution(p.get("grid", p["choices"]))
    if p["kind"] == "int":
        return of.IntDistribution(int(p["low"]), int(p["high"]), log=p["log"], step=int(p["step"]) or 1)
    return of.FloatDistribution(p["low"], p["high"], log=p["log"], step=p["step"] or None)


def _sampler(of, asked):
    if asked["sampler"] == "grid":
        return of.GridSampler({p["name"]: p["grid"] for p in asked["space"]}, seed=asked["seed"])
    return {"tpe": of.TPESampler, "random": of.RandomSampler}[asked["sampler"]](seed=asked["seed"])


def _told(of, t, spaces):
    value = t.get("value")
    state = of.TrialState[t["state"].upper()]
    if value is None and state.is_finished():
        state = of.TrialState.FAIL
    params = {name: int(v) if type(spaces[name]).__name__ == "IntDistribution" else v for name, v in t["parameters"].items()}
    known = {} if state in (of.TrialState.FAIL, of.TrialState.RUNNING) else {"value": value}
    if state == of.TrialState.PRUNED:
        known["intermediate_values"] = {t["epoch"]: value}
    return of.create_trial(state=state, params=params, distributions=spaces, **known)


def _state(generator):
    _, key, *rest = generator.get_state()
    return [key.tolist(), *rest]
