-- Two more kinds: a base is a copy of the embedded database's files, and a chain is an unbroken stretch of its log that was sent beside the backups.
-- A chain is on record so that only what this installation sent is ever thrown away.
alter table backup_runs drop constraint backup_runs_kind_check;
alter table backup_runs add constraint backup_runs_kind_check check (kind in ('create', 'verify', 'drill', 'base', 'chain'));
