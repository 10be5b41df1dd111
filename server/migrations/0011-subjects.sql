-- Persons measured: who registered them, and the orders of their list.

-- Until a device measures them they are seen by whoever is limited to no devices, and by the person who registered them.
alter table subjects add column registered_by uuid references users on delete set null;

create index subjects_reference on subjects (organisation_id, lower(reference), id);
create index subjects_created on subjects (organisation_id, created_at, id);

-- Whether any device measured the person, seen or not: who registered them does not go on seeing them when a hidden device does.
create function was_subject_measured(wanted_subject uuid) returns boolean
  language sql stable security definer set search_path = public, pg_temp as $$
  select exists (select from subject_assignments a where a.subject_id = wanted_subject and a.organisation_id = current_organisation()) $$;
revoke execute on function was_subject_measured(uuid) from public;
grant execute on function was_subject_measured(uuid) to valtronics_server;
