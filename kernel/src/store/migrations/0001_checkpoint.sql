-- The checkpoint of the fold: its rows, how far each stream is, and the ordinal that vouches for both.
CREATE TABLE rows (
  class TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (class, kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE positions (
  node TEXT NOT NULL,
  log TEXT NOT NULL,
  class TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (node, log, class)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  journal TEXT NOT NULL,
  ord INTEGER NOT NULL
) STRICT;
