-- Reference and name of a person measured are sealed with a key of that person alone, which lies in the key store and never here: once it is destroyed
-- every copy of this database is unreadable for them. What still stands in clear is sealed when the server starts.

alter table subjects
  alter column reference drop not null,
  -- 85 bytes more than the text, of which a character takes 4 at most.
  add column reference_sealed bytea check (length(reference_sealed) <= 565),
  add column name_sealed bytea check (length(name_sealed) <= 565),
  add column reference_index bytea check (length(reference_index) = 32),
  add column name_index bytea check (length(name_index) = 8),
  add constraint subjects_reference_one check (num_nonnulls(reference, reference_sealed) = 1),
  add constraint subjects_reference_found check ((reference_sealed is null) = (reference_index is null)),
  add constraint subjects_name_one check (num_nonnulls(name, name_sealed) <= 1),
  add constraint subjects_name_found check ((name_sealed is null) = (name_index is null)),
  add constraint subjects_reference_index unique (organisation_id, reference_index);
create index subjects_name_index on subjects (organisation_id, name_index);
drop index subjects_reference;
grant select (id, organisation_id, reference, reference_sealed, reference_index, name, name_sealed, name_index), delete,
  update (reference, reference_sealed, reference_index, name, name_sealed, name_index) on subjects to valtronics_maintenance;

-- Who was erased: what a restored database is brought up to. It names nobody, and nothing in it is ever changed.
create table erasures (
  subject_id uuid primary key,
  organisation_id integer not null references organisations,
  erased_at timestamptz not null,
  -- Id of who did it; null where a restore was brought up to what the key store knows.
  erased_by uuid,
  -- From then on no copy of the key store is kept that was made before: nothing opens the backups for this person any more.
  unreadable_from timestamptz not null,
  -- Says so, signed with the key of the audit log.
  certificate text not null check (length(certificate) <= 2000)
);
create index erasures_organisation on erasures (organisation_id, erased_at);
call own_by_organisation('erasures');
grant select, insert on erasures to valtronics_server, valtronics_maintenance;
create function refuse_erasure_change() returns trigger language plpgsql as $$
begin
  raise exception 'erasures is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger append_only before update or delete on erasures for each row execute function refuse_erasure_change();
create trigger append_only_truncate before truncate on erasures for each statement execute function refuse_erasure_change();
