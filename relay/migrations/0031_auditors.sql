-- Which age recipient came with an auditor, so that it can go with the auditor; empty where none did, or
-- where nobody wrote it down.
ALTER TABLE technicians ADD COLUMN recipient TEXT NOT NULL DEFAULT '';
