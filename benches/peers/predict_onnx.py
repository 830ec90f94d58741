"""`gradus predict` in another language: what ONNX Runtime makes of images by an exported file alone.

    gradus export RUN --to onnx --out model.onnx
    python3 benches/peers/predict_onnx.py model.onnx IMAGE...          (needs onnxruntime, numpy and pillow)

Prints a list in JSON, with the class and the probabilities of each image. The file says of itself which classes it knows
and what it takes; images of another size are resized by Pillow, which is not to the bit what Gradus does.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
assert (about["input"], about["input_layout"], about["input_range"]) == ("pixels", "NCHW", "0 to 1: byte / 255"), about
classes = json.loads(about["classes"])
_, _, height, width = session.get_inputs()[0].shape

found = []
for path in sys.argv[2:]:
    image = Image.open(path).convert("L" if about["input_color"] == "gray" else "RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) / 255
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    p = session.run(None, {"input": pixels[None]})[0][0].tolist()
    if about["output"] == "probability of the second class":
        p = [1 - p[0], p[0]]
    best = max(range(len(p)), key=p.__getitem__)
    found.append({"path": path, "class": classes[best], "probability": p[best], "probabilities": p})
print(json.dumps(found, indent=2))
