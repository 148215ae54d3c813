"""Train graph networks over people's joints, which run as `PEOPLE+SKELETON`."""
