# Text, documents, snapshots and Arrow streams.
