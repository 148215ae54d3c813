"""YOWO (Köpüklü et al. 2019): a clip and its key frame, fused, with anchors."""
