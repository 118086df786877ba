"""Writes reviews.csv, 5,000 reviews of films with their verdicts, for `reviews.toml`.

    python recipes/reviews.py

Each review says something of three things, and praise may be negated, as blame may: "The plot was
not dull". So words alone tell little, and their order much more. One verdict in 25 is the
opposite of what the review says. Also printed: how often simple models of scikit-learn are right on
the last fifth of the reviews, and new-reviews.csv is written, 200 reviews without a verdict.
"""

from pathlib import Path

import numpy as np
import pandas as pd

REVIEWS, NEW, WRONG, NEGATED = 5000, 200, 0.04, 0.35
THINGS = ("plot", "story", "acting", "cast", "music", "ending", "camera", "dialogue", "pace")
PRAISE = ("great", "moving", "clever", "funny", "superb", "honest", "gripping")
BLAME = ("dull", "silly", "endless", "clumsy", "flat", "tired", "predictable")
CLAUSES = (
    "the {thing} was {no}{word}",
    "I found the {thing} {no}{word}",
    "a {thing} that is {no}{word}",
    "nobody can call the {thing} {word}",
    "what a {word} {thing}",
)
BEGINNINGS = ("", "Seen last night: ", "My third time. ", "As a fan of the book: ", "On a plane, ")


def clause(random: np.random.Generator, thing: str) -> tuple[str, bool]:
    """Return a clause about one thing, and whether it praises it."""
    form = CLAUSES[random.choice(len(CLAUSES), p=(0.34, 0.24, 0.16, 0.1, 0.16))]
    praises, negated = random.random(2) < (0.5, NEGATED)
    word = random.choice(PRAISE if praises else BLAME)
    no = random.choice(("not ", "never ", "far from ")) if negated else ""
    turned = "nobody" in form or ("{no}" in form and negated)
    return form.format(thing=thing, no=no, word=word), bool(praises != turned)


def review(random: np.random.Generator) -> tuple[str, bool]:
    """Return a review of three clauses, and whether most of them praise."""
    things = random.choice(THINGS, 3, replace=False)
    told = [clause(random, thing) for thing in things]
    joined = f"{told[0][0]}, {told[1][0]}, and {told[2][0]}."
    return str(random.choice(BEGINNINGS)) + joined, sum(good for _, good in told) > 1


def reviews(seed: int = 0) -> pd.DataFrame:
    """Return reviews and verdicts."""
    random = np.random.default_rng(seed)
    texts, good = zip(*(review(random) for _ in range(REVIEWS)), strict=True)
    told = np.array(good) ^ (random.random(REVIEWS) < WRONG)
    return pd.DataFrame({"review": texts, "verdict": np.where(told, "good", "bad")})


def accuracy(table: pd.DataFrame, words: int) -> float:
    """Return how often logistic regression is right that sees so many words in a row at most."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    last = len(table) // 5
    model = make_pipeline(
        CountVectorizer(ngram_range=(1, words)), LogisticRegression(max_iter=1000)
    ).fit(table["review"][:-last], table["verdict"][:-last])
    return float(model.score(table["review"][-last:], table["verdict"][-last:]))


if __name__ == "__main__":
    folder = Path(__file__).parent
    table = reviews()
    table.to_csv(folder / "reviews.csv", index=False)
    new = reviews(seed=1)[["review"]].iloc[:NEW]
    new.to_csv(folder / "new-reviews.csv", index=False)
    print(f"{folder / 'reviews.csv'}: {len(table)} reviews; {1 - WRONG:.2f} can be right at most")
    for words, name in ((1, "words"), (2, "pairs of words"), (3, "triples of words")):
        print(f"logistic regression on {name}: {accuracy(table, words):.3f}")
