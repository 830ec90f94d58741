"""Makes network.onnx, a chain of every operator that src/export/onnx reads, and network.safetensors: a batch of inputs
and what ONNX Runtime makes of it.

    python3 make_onnx.py        (needs onnx, onnxruntime and safetensors)
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from portable import Portable

random = Portable(5)
nodes, weights = [], []


def weight(name, shape, kind="signed", scale=0.5):
    weights.append(numpy_helper.from_array((scale * random.draw(kind, shape)).astype(np.float32), name))
    return name


def node(op, *taken, **settings):
    name = f"{len(nodes)}.{op}"
    before = nodes[-1].output[0] if nodes else "x"
    nodes.append(helper.make_node(op, [before, *taken], [name], name=name, **settings))


def normalize(name, channels):
    kinds = dict(scale="positive", shift="signed", mean="signed", variance="positive")
    node("BatchNormalization", *(weight(f"{name}.{k}", [channels], kind) for k, kind in kinds.items()), epsilon=1e-3)


conv = weight("conv.weight", [4, 2, 3, 2]), weight("conv.bias", [4])
node("Conv", *conv, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2], group=1)
normalize("norm", 4)
node("Elu", alpha=0.5)
node("Conv", weight("grouped.weight", [6, 2, 3, 3]), pads=[1, 1, 1, 1], group=2)
node("LeakyRelu", alpha=0.2)
node("MaxPool", kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1])
node("Gelu")
node("AveragePool", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 0, 1, 0], count_include_pad=1)
node("Sigmoid")
node("Conv", weight("deep.weight", [6, 1, 1, 1]), weight("deep.bias", [6]), group=6)
node("Softplus")
node("Conv", weight("wide.weight", [8, 6, 1, 1]))
node("GlobalAveragePool")
node("Flatten", axis=1)
node("Gemm", weight("fc1.weight", [12, 8]), weight("fc1.bias", [12]), transB=1)
normalize("flat", 12)
node("Tanh")
weights.append(numpy_helper.from_array(np.array([0, 3, 2, 2], dtype=np.int64), "sizes"))
node("Reshape", "sizes")
node("Softmax", axis=1)
node("Relu")
node("Identity")
node("Flatten", axis=1)
node("Gemm", weight("fc2.weight", [5, 12], scale=2.0), transB=1)
node("LogSoftmax", axis=1)

shapes = [8, 2, 9, 8], [8, 5]
graph = helper.make_graph(
    nodes,
    "every operator",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shapes[0][1:]])],
    [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["batch", *shapes[1][1:]])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, Path(__file__).with_name("network.onnx"))

session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
x = random.draw("signed", shapes[0]).astype(np.float32)
(y,) = session.run(None, {"x": x})
assert list(y.shape) == shapes[1]
save_file(dict(input=x, output=y), Path(__file__).with_name("network.safetensors"))
print("onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, y[0])
