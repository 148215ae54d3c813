"""Load the built messages and send one through serialization: what `make messages` proves."""

from rclpy.serialization import deserialize_message, serialize_message

from actloc_ros.msg import ActionDetection, ActionDetectionArray, ActionHypothesis

message = ActionDetectionArray(model='check')
message.detections = [ActionDetection(results=[ActionHypothesis(label='walk', score=0.5)])]
back = deserialize_message(serialize_message(message), ActionDetectionArray)
assert back == message, (back, message)
print('messages build, load and serialize')
