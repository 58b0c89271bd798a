"""ONNX files read, annotated and generated: the only room that imports onnx."""
