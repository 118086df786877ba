"""The points of `blobs-mlp.toml`: those of the book chapter, and ten thousand more to test on."""

from sklearn.datasets import make_blobs


def load():
    """Training, validation and test pairs of (x, y); x of shape (n, 2), y the cloud's number.

    The chapter trains on the first 800 of 1,000 points and watches the other 200. An accuracy on
    200 points is uncertain by 0.027, so the test set here is 10,000 new points of the same clouds.
    """
    x, y, clouds = make_blobs(
        n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2, return_centers=True
    )
    test = make_blobs(n_samples=10_000, centers=clouds, cluster_std=2, random_state=3)
    return (x[:800], y[:800]), (x[800:], y[800:]), test
