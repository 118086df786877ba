"""Scripts in the style of public projects: each searches at its top level, unchanged by any tool.

Each writes what it found, as JSON: the space, and the score of each configuration.
KerasTuner's search by grids, so that both tools train the same configurations; models begin from a
seed of their own, and see their samples in order.
"""

COMMON = """
import functools, json, sys
import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 6)).astype("float32")
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype("int32")
x_train, y_train, x_val, y_val = x[:80], y[:80], x[80:], y[80:]

def found(tuner, *more):
    trials = tuner.oracle.get_best_trials(100)
    space = [(type(each).__name__, each.name) for each in tuner.oracle.get_space().space]
    scores = {}
    for trial in trials:
        hp = trial.hyperparameters
        active = {each.name: hp.values[each.name] for each in hp.space if hp.is_active(each)}
        scores[json.dumps(active, sort_keys=True)] = trial.score
    with open(sys.argv[1], "w") as file:
        json.dump({"space": space, "scores": scores, "more": more}, file)
"""
DENSE = """
def dense(units, rate=0.05, metrics=("accuracy",)):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([
        keras.Input((6,)), keras.layers.Dense(units, activation="tanh"),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=list(metrics))
    return model
"""

KERAS_TUNER = {
    # NumPy arrays, a plain function, the objective by its name, results_summary, best models.
    "arrays": """
import keras_tuner

def build_model(hp):
    return dense(hp.Choice("units", [2, 4]), hp.Choice("learning_rate", [0.1, 0.01]))

tuner = keras_tuner.GridSearch(build_model, objective="val_accuracy", project_name="arrays")
tuner.search_space_summary()
tuner.search(x_train, y_train, epochs=2, validation_data=(x_val, y_val), shuffle=False, verbose=0)
tuner.results_summary()
models = tuner.get_best_models(num_models=2)
found(tuner, max(models[0].evaluate(x_val, y_val, verbose=0)[1:]))
""",
    # tf.data, the older name of the package.
    "datasets": """
import tensorflow as tf
import kerastuner as kt

train = tf.data.Dataset.from_tensor_slices((x_train, y_train)).batch(16)
val = tf.data.Dataset.from_tensor_slices((x_val, y_val)).batch(16)
tuner = kt.GridSearch(
    lambda hp: dense(hp.Int("units", 2, 6, step=2)), kt.Objective("val_loss", "min"),
    project_name="datasets", directory="kept",
)
tuner.search(train, epochs=2, validation_data=val, verbose=0)
found(tuner)
""",
    # A generator with a number of steps, and a partial as the builder.
    "generator": """
import keras_tuner as kt

def batches():
    while True:
        yield x_train, y_train  # the same in each step, however many are read in advance

def build(scale, hp):
    return dense(scale * hp.Choice("units", [1, 2, 3]))

tuner = kt.GridSearch(functools.partial(build, 2), "val_loss", project_name="generator")
tuner.search(
    batches(), steps_per_epoch=3, epochs=2, validation_data=(x_val, y_val), verbose=0,
)
found(tuner)
""",
    # Several inputs in a dictionary, a method as the builder.
    "inputs": """
import keras_tuner as kt

class Project:
    def build(self, hp):
        keras.utils.set_random_seed(7)
        left, right = keras.Input((3,), name="left"), keras.Input((3,), name="right")
        both = keras.layers.Concatenate()([
            keras.layers.Dense(hp.Choice("left_units", [2, 3]))(left),
            keras.layers.Dense(hp.Choice("right_units", [2, 3]))(right),
        ])
        model = keras.Model([left, right], keras.layers.Dense(1, "sigmoid")(both))
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model

parts = lambda x: {"left": x[:, :3], "right": x[:, 3:]}
tuner = kt.GridSearch(Project().build, "val_loss", project_name="inputs")
tuner.search(
    parts(x_train), y_train, epochs=2, validation_data=(parts(x_val), y_val), shuffle=False,
    verbose=0,
)
found(tuner)
""",
    # Layers in a loop with indexed names, EarlyStopping, rebuilding and retraining of the best.
    "depth": """
import keras_tuner as kt

def build(hp):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((6,))])
    for i in range(hp.Int("num_layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Choice(f"units_{i}", [2, 4]), activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model

tuner = kt.GridSearch(build, "val_accuracy", max_trials=10, project_name="depth")
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)
tuner.search(x_train, y_train, epochs=3, validation_data=(x_val, y_val), shuffle=False,
             callbacks=[stop], verbose=0)
best = tuner.get_best_hyperparameters(1)[0]
model = tuner.hypermodel.build(best)
history = model.fit(x, y, epochs=1, validation_split=0.2, verbose=0)
found(tuner, len(model.layers) - 1 == best.get("num_layers"), sorted(history.history))
""",
    # A HyperModel whose fit chooses the batch size and takes no further options.
    "hypermodel": """
import keras_tuner as kt

class MyHyperModel(kt.HyperModel):
    def __init__(self, classes):
        super().__init__()
        self.classes = classes

    def build(self, hp):
        return dense(hp.Choice("units", [2, 4]) * self.classes)

    def fit(self, hp, model, x, y, validation_data, callbacks=None, epochs=1):
        size = hp.Choice("batch_size", [16, 40])
        return model.fit(x, y, batch_size=size, validation_data=validation_data, epochs=epochs,
                         callbacks=callbacks, shuffle=False, verbose=0)

tuner = kt.GridSearch(MyHyperModel(1), kt.Objective("val_accuracy", "max"), project_name="hyper",
                      hyperparameters=None, overwrite=True)
tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=2)
found(tuner)
""",
    # A tuner with a run_trial of its own, which returns a number.
    "run_trial": """
import keras_tuner as kt

class MyTuner(kt.GridSearch):
    def run_trial(self, trial, x, y):
        hp = trial.hyperparameters
        model = dense(hp.Choice("units", [2, 4]), hp.Choice("rate", [0.1, 0.5]))
        for _ in range(2):
            model.train_on_batch(x, y)
        return float(model.test_on_batch(x_val, y_val)[0])

def declare(hp):
    hp.Choice("units", [2, 4])
    hp.Choice("rate", [0.1, 0.5])

tuner = MyTuner(declare, objective=kt.Objective("default_objective", "min"), project_name="mine")
tuner = MyTuner(declare, project_name="mine")
tuner.search(x_train, y_train)
found(tuner)
""",
    # scikit-learn's models.
    "estimators": """
import keras_tuner as kt
from sklearn import ensemble, linear_model, metrics, model_selection

def build(hp):
    if hp.Choice("kind", ["forest", "ridge"]) == "forest":
        with hp.conditional_scope("kind", ["forest"]):
            return ensemble.RandomForestClassifier(
                n_estimators=5, max_depth=hp.Int("depth", 1, 3), random_state=0)
    with hp.conditional_scope("kind", ["ridge"]):
        return linear_model.RidgeClassifier(alpha=hp.Choice("alpha", [0.1, 1.0]))

tuner = kt.tuners.SklearnTuner(
    kt.oracles.GridSearchOracle(kt.Objective("score", "max"), max_trials=20), build,
    scoring=metrics.make_scorer(metrics.accuracy_score),
    cv=model_selection.StratifiedKFold(4), project_name="estimators",
)
tuner.search(x, y)
found(tuner, int(tuner.get_best_models()[0].predict(x).shape[0]))
""",
}

OPTUNA_FOUND = """
def found(study, *more):
    trials = [(t.params, t.values, t.state.name, t.user_attrs) for t in study.trials]
    with open(sys.argv[1], "w") as file:
        json.dump({"trials": trials, "more": more}, file)
"""
# Their configurations are given, so that both tools train the same ones.
OPTUNA = {
    # Keras' callback of optuna-integration, layers in a loop.
    "callback": """
import optuna
from optuna_integration import KerasPruningCallback

def objective(trial):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([keras.Input((6,))])
    for i in range(trial.suggest_int("n_layers", 1, 2)):
        model.add(keras.layers.Dense(trial.suggest_int(f"n_units_l{i}", 2, 8)))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    rate = trial.suggest_float("lr", 1e-3, 1.0, log=True)
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, validation_data=(x_val, y_val), shuffle=False, epochs=2,
              verbose=False, callbacks=[KerasPruningCallback(trial, "val_loss")])
    score = model.evaluate(x_val, y_val, verbose=0)
    return score[1]

study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner(),
                            study_name="callback")
for layers, lr in ((1, 0.1), (2, 0.01), (2, 0.5)):
    study.enqueue_trial({"n_layers": layers, "n_units_l0": 4, "n_units_l1": 3, "lr": lr})
study.optimize(objective, n_trials=3, timeout=600)
pruned = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.PRUNED])
found(study, study.best_trial.number, study.best_trial.value, len(pruned))
""",
    # A training loop of its own with pruning, and attributes.
    "loop": """
import optuna

def objective(trial):
    w, rate = np.zeros(6), trial.suggest_float("rate", 0.01, 10, log=True)
    for step in range(6):
        p = 1 / (1 + np.exp(-np.clip(x_train @ w, -30, 30)))
        w -= rate * x_train.T @ (p - y_train) / len(y_train)
        error = float(np.mean((x_val @ w > 0) != y_val))
        trial.report(error, step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    trial.set_user_attr("norm", round(float(np.linalg.norm(w)), 6))
    return error

study = optuna.create_study(study_name="loop", pruner=optuna.pruners.MedianPruner(2, 1))
for rate in (1.0, 0.5, 0.01, 5.0, 0.1, 2.0):
    study.enqueue_trial({"rate": rate})
study.optimize(objective, n_trials=6)
found(study, study.best_params, list(study.trials_dataframe()["state"]))
""",
    # Several objectives, and callbacks.
    "front": """
import optuna

def objective(trial):
    units = trial.suggest_int("units", 1, 8)
    model = dense(units)
    model.fit(x_train, y_train, epochs=1, shuffle=False, verbose=0)
    return model.evaluate(x_val, y_val, verbose=0)[0], model.count_params()

study = optuna.create_study(directions=["minimize", "minimize"], study_name="front")
study.set_metric_names(["loss", "size"])
for units in (1, 3, 5, 8):
    study.enqueue_trial({"units": units}, user_attrs={"given": True})
study.optimize(objective, n_trials=4, callbacks=[lambda study, trial: None], gc_after_trial=True)
found(study, [t.number for t in study.best_trials], list(study.trials_dataframe().columns))
""",
    # ask and tell.
    "asks": """
import optuna
from optuna.distributions import IntDistribution

study = optuna.create_study(direction="maximize", study_name="asks")
study.add_trial(optuna.trial.create_trial(
    params={"units": 1}, distributions={"units": IntDistribution(1, 8)}, value=0.1))
for units in (2, 4, 6):
    study.enqueue_trial({"units": units})
for _ in range(3):
    trial = study.ask({"units": IntDistribution(1, 8)})
    model = dense(trial.params["units"])
    model.fit(x_train, y_train, epochs=1, shuffle=False, verbose=0)
    study.tell(trial, model.evaluate(x_val, y_val, verbose=0)[1])
found(study, study.best_trial.number, study.best_value)
""",
}


def keras_tuner(name: str) -> str:
    """Return a script of KerasTuner."""
    return COMMON + DENSE + KERAS_TUNER[name]


def optuna(name: str) -> str:
    """Return a script of Optuna."""
    return COMMON + DENSE + OPTUNA_FOUND + OPTUNA[name]
