"""The reviews of `imdb-mlp.toml`: trained on as "'Keras from scratch, part 5'" does, on all 25,000.

The document watches the loss on Keras' 25,000 test reviews, of other films than those to train on.
Here half of these are watched, and the other half is the test set, which nothing has seen.
"""

import numpy as np
from keras.datasets import imdb
from scipy import sparse

WORDS = 10_000


def load():
    """Training, validation and test pairs of (x, y); x sparse (n, words), 1 where a word is."""
    (x, y), (others, labels) = imdb.load_data(num_words=WORDS)
    half = np.random.default_rng(0).permutation(len(labels)) < len(labels) // 2
    others = multi_hot(others)
    return (multi_hot(x), y), (others[half], labels[half]), (others[~half], labels[~half])


def multi_hot(reviews):
    """Lists of word numbers as sparse float32 rows."""
    ends = np.cumsum([0, *map(len, reviews)])
    words = np.concatenate([np.asarray(review, np.int32) for review in reviews])
    ones = np.ones(len(words), np.float32)
    rows = sparse.csr_matrix((ones, words, ends), (len(reviews), WORDS))
    rows.sum_duplicates()
    rows.data[:] = 1
    return rows
