# The objects that own native state.
