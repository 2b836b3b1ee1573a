"""The evidence as people read it: model card, figures, the folder stored with a version."""
