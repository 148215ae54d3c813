"""Networks that find people in single images, run by ONNX Runtime: `people_n`, or any by a file."""
