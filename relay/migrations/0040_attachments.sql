-- Files of tickets. What they hold stands last, so that a list does not read it.
CREATE TABLE attachments (
  ticket INTEGER NOT NULL REFERENCES tickets (number),
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  author TEXT NOT NULL,
  at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 BLOB NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (ticket, number),
  UNIQUE (ticket, sha256, name)
);
