"""The miniature replication: the paper's questions, asked of models small enough to answer them within the hour."""
