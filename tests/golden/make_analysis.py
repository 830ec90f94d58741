"""Writes analysis.json: what scikit-learn says, for tests/analysis/classics.rs to hold the analysis module against.

    python make_analysis.py          (needs numpy and scikit-learn; written with numpy 2.4 and scikit-learn 1.9)

Inputs are multiples of 1/64, so that they are exact in every format; results keep 12 significant digits.
"""

import json
import pathlib

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from scipy.spatial.distance import pdist, squareform
from scipy.stats import binomtest, entropy, norm

rng = np.random.default_rng(20261120)


def exact(x):
    return np.round(np.asarray(x) * 64) / 64


def plain(x):
    """Arrays to lists, floats to 12 digits."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [plain(v) for v in x]
    if isinstance(x, (int, np.integer)):
        return int(x)
    return float(f"{float(x):.12g}")


def blobs(n, d, k, spread):
    labels = np.arange(n) % k
    return exact(rng.normal(size=(k, d))[labels] * 3 + rng.normal(size=(n, d)) * spread), labels


out = {}

cases = []
for n, d, k, spread in [(40, 2, 3, 1.0), (60, 3, 5, 2.0), (50, 4, 4, 0.5), (80, 2, 8, 3.0)]:
    x, _ = blobs(n, d, k, spread)
    initial = x[rng.choice(n, k, replace=False)]
    cases.append((x, initial))
x, _ = blobs(30, 2, 2, 1.0)
far = np.vstack([x[:2], [[500.0, 500.0]], [[-800.0, 300.0]]])  # two centroids that no sample is nearest to
cases.append((x, far))
out["kmeans"] = []
for x, initial in cases:
    fit = KMeans(len(initial), init=initial, n_init=1, max_iter=300, tol=1e-4, algorithm="lloyd").fit(x)
    out["kmeans"].append(
        dict(x=x, initial=initial, labels=fit.labels_, inertia=fit.inertia_, iterations=fit.n_iter_,
             centroids=fit.cluster_centers_)
    )

truth = rng.integers(0, 4, 60)
predicted = np.where(rng.random(60) < 0.6, truth, rng.integers(0, 3, 60))  # class 3 is hardly ever predicted
out["classes"] = dict(
    truth=truth, predicted=predicted,
    confusion=metrics.confusion_matrix(truth, predicted, labels=range(4)),
    accuracy=metrics.accuracy_score(truth, predicted),
    macro_f1=metrics.f1_score(truth, predicted, labels=range(4), average="macro", zero_division=0),
    precision=metrics.precision_score(truth, predicted, labels=range(4), average=None, zero_division=0),
    recall=metrics.recall_score(truth, predicted, labels=range(4), average=None, zero_division=0),
    nmi=metrics.normalized_mutual_info_score(truth, predicted),
    adjusted_rand=metrics.adjusted_rand_score(truth, predicted),
)

x, labels = blobs(45, 3, 3, 1.5)
labels[0] = 3  # a group of one
out["silhouette"] = dict(x=x, labels=labels, value=metrics.silhouette_score(x, labels))

out["pca"] = []
for n, d in [(25, 6), (8, 20)]:
    x = exact(rng.normal(size=(n, d)) * (1 + np.arange(d)) @ rng.normal(size=(d, d)) * 0.5)
    fit = PCA(4, svd_solver="full").fit(x)
    out["pca"].append(
        dict(x=x, mean=fit.mean_, components=fit.components_, variance=fit.explained_variance_,
             ratio=fit.explained_variance_ratio_, scores=fit.transform(x))
    )

x = exact(rng.normal(size=(12, 4)) * [1, 10, 0, 0.1] + [0, 100, 7, -3])
out["scale"] = dict(
    x=x, standard=StandardScaler().fit_transform(x), min_max=MinMaxScaler((-1, 1)).fit_transform(x),
)

x, _ = blobs(40, 5, 4, 1.0)
squared = metrics.pairwise_distances(x, metric="sqeuclidean")
p = p_of_tsne = _joint_probabilities(squared, 7.0, 0)
map_ = exact(rng.normal(size=(40, 2)) * 4)
kl, gradient = _kl_divergence(map_.ravel(), p, 1, 40, 2)
out["tsne"] = dict(
    x=x, perplexity=7.0, p=[[float(f"{v:.9g}") for v in row] for row in squareform(p)], map=map_, kl=kl,
    gradient=gradient.reshape(40, 2),
    trustworthiness={str(k): trustworthiness(x, map_, n_neighbors=k) for k in (1, 5, 12)},
)

out["mcnemar"] = [[b, c, binomtest(min(b, c), b + c, 0.5).pvalue] for b, c in [(1, 9), (5, 5), (30, 12), (700, 800)]]
out["wilson"] = [
    [s, n, *binomtest(s, n).proportion_ci(0.95, method="wilson")] for s, n in [(0, 10), (7, 10), (135, 180), (10, 10)]
]

c = out["classes"]
truth, predicted = c["truth"], c["predicted"]
for name, score in [("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)]:
    for average in ["macro", "weighted"]:
        c[f"{average}_{name}"] = score(truth, predicted, labels=range(4), average=average, zero_division=0)
c["matthews"] = [metrics.matthews_corrcoef(truth == k, predicted == k) for k in range(4)]
c["specificity"] = [metrics.recall_score(truth != k, predicted != k) for k in range(4)]

out["curves"] = []
for n, levels in [(40, 64), (60, 4), (30, 1)]:  # few ties, many, nothing but ties
    labels = np.arange(n) % 3 == 0
    scores = np.round((rng.random(n) * 0.75 + labels * 0.25) * levels) / levels if levels > 1 else np.zeros(n)
    fpr, tpr, thresholds = metrics.roc_curve(labels, scores, drop_intermediate=False)
    precision, recall, cuts = metrics.precision_recall_curve(labels, scores)
    out["curves"].append(
        dict(scores=scores, labels=labels.astype(int), fpr=fpr, tpr=tpr, thresholds=thresholds[1:],
             auc=metrics.roc_auc_score(labels, scores), precision=precision[::-1], recall=recall[::-1],
             cuts=cuts[::-1], average_precision=metrics.average_precision_score(labels, scores))
    )

labels = rng.integers(0, 4, 80)
p = exact(rng.random((80, 4)) + 0.75 * np.eye(4)[labels]) + 1 / 64
p = np.round(p / p.sum(axis=1, keepdims=True), 12)  # what is written is what is meant
correct, sure = p.argmax(axis=1) == labels, p.max(axis=1)
bins = 8
prob_true, prob_pred = calibration_curve(correct, sure, n_bins=bins, strategy="uniform")
inside = [(sure > b / bins) & (sure <= (b + 1) / bins) for b in range(bins)]
out["calibration"] = dict(
    p=p, labels=labels, bins=bins, counts=[i.sum() for i in inside],
    accuracy=prob_true, confidence=prob_pred,
    ece=sum(i.sum() / 80 * abs(correct[i].mean() - sure[i].mean()) for i in inside if i.any()),
    mce=max(abs(correct[i].mean() - sure[i].mean()) for i in inside if i.any()),
    brier=metrics.brier_score_loss(labels, p, scale_by_half=False),
    macro_auc=metrics.roc_auc_score(labels, p, multi_class="ovr", average="macro"),
)

# Three dimensions; one degree of freedom, as in the paper (TSNE itself would take two).
map_ = exact(rng.normal(size=(40, 3)) * 4)
kl, gradient = _kl_divergence(map_.ravel(), p_of_tsne, 1, 40, 3)
out["tsne_3d"] = dict(map=map_, kl=kl, gradient=gradient.reshape(40, 3))

for case in out["pca"]:
    x = case["x"]
    fits = [PCA(k, svd_solver="full").fit(x) for k in range(1, 5)]
    back = [x.mean(axis=0)] + [fit.inverse_transform(fit.transform(x)) for fit in fits]
    case["errors"] = [((x - b) ** 2).mean() for b in back]

out["pca_randomized"] = []
for decay, power in [(0.5, 4), (0.8, 3)]:
    u, v = (np.linalg.qr(rng.normal(size=(m, 24)))[0] for m in (30, 24))
    x = exact(2000 * u * decay ** np.arange(24) @ v.T + 10)
    full = PCA(svd_solver="full").fit(x)
    fit = PCA(3, svd_solver="randomized", n_oversamples=10, iterated_power=power, random_state=0).fit(x)
    out["pca_randomized"].append(
        dict(x=x, power=power, variance=fit.explained_variance_, ratio=fit.explained_variance_ratio_,
             components=fit.components_, all_variances=full.explained_variance_, true_components=full.components_[:3])
    )

codes = exact(rng.normal(size=(15, 4)) @ rng.normal(size=(4, 4)) + [0, 3, -2, 0.5])
answers = np.array(out["calibration"]["p"])
probabilities = [1e-12, 0.001, 0.02, 0.25, 0.5, 0.6, 0.9, 0.9999]
out["latent"] = dict(
    codes=codes, mean=codes.mean(axis=0), covariance=np.cov(codes.T), cholesky=np.linalg.cholesky(np.cov(codes.T)),
    low=np.quantile(codes, 0.1, axis=0), high=np.quantile(codes, 0.9, axis=0), distance=pdist(codes).mean(),
    variances=codes.var(axis=0, ddof=1), probabilities=probabilities, quantiles=norm.ppf(probabilities),
    nearest=NearestNeighbors(n_neighbors=3).fit(codes[5:]).kneighbors(codes[:5])[1],
    entropies=entropy(answers, axis=1), entropy_of_mean=entropy(answers.mean(axis=0)),
)

# Five classes: 2 is never predicted, 3 has no samples but is predicted, 4 does not occur at all.
truth, predicted = np.array([0, 0, 0, 1, 1, 2, 2, 0]), np.array([0, 1, 0, 1, 3, 0, 1, 3])
out["absent"] = dict(truth=truth, predicted=predicted)
for name, score in [("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score)]:
    for average in ["macro", "weighted"]:
        out["absent"][f"{average}_{name}"] = score(truth, predicted, average=average, zero_division=0)

path = pathlib.Path(__file__).with_name("analysis.json")
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(plain(v))}" for k, v in out.items()) + "\n}\n")
print(path.name, path.stat().st_size, "bytes")
