"""YOWOv2 (Yang and Dai 2023): a clip and its key frame at three strides, without anchors."""
