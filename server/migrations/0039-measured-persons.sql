-- What a device of class health measures of a person is sealed with the key of that person: destroyed with it, in every copy of this database.

alter table points add column subject_id uuid,
  add constraint points_of_person_sealed check (subject_id is null or sealed is not null) not valid;
alter table rollups_1m add column subject_id uuid,
  add constraint rollups_1m_of_person_sealed check (subject_id is null or sealed is not null) not valid;
alter table rollups_1h add column subject_id uuid,
  add constraint rollups_1h_of_person_sealed check (subject_id is null or sealed is not null) not valid;
create index points_of_person on points (subject_id) where subject_id is not null;
create index rollups_1m_of_person on rollups_1m (subject_id) where subject_id is not null;
create index rollups_1h_of_person on rollups_1h (subject_id) where subject_id is not null;
alter table alerts add column subject_id uuid;
alter table alert_events add column subject_id uuid,
  add constraint alert_events_of_person_sealed check (subject_id is null or note_sealed is not null) not valid;
alter table alert_states add column subject_id uuid,
  add constraint alert_states_of_person_sealed check (subject_id is null or sealed is not null) not valid;
create index alerts_of_person on alerts (subject_id) where subject_id is not null;
create index alert_events_of_person on alert_events (subject_id) where subject_id is not null;
grant update (subject_id) on alert_events to valtronics_maintenance;
grant update (subject_id) on points to valtronics_maintenance;
grant select on subject_assignments to valtronics_maintenance;

-- Times of a device that belong to somebody else than before: what was measured in them is still to be sealed anew, or to go where the
-- person was erased. Written by the table itself, so that nobody can forget it.
create table measured_changes (
  id bigint generated always as identity primary key,
  organisation_id integer not null,
  device_id uuid not null references devices on delete cascade,
  subject_id uuid not null,
  during tstzrange not null,
  -- The person is gone, not just the assignment.
  erased boolean not null,
  changed_at timestamptz not null default now()
);
call own_by_organisation('measured_changes');
grant select, delete on measured_changes to valtronics_maintenance;

create function note_measured_change() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  one subject_assignments;
begin
  -- A device that is deleted takes its measurements with it.
  if tg_op <> 'INSERT' and not exists (select from devices where id = old.device_id) then return null; end if;
  foreach one in array case tg_op when 'INSERT' then array[new] when 'DELETE' then array[old] else array[old, new] end loop
    insert into measured_changes (organisation_id, device_id, subject_id, during, erased)
      values (one.organisation_id, one.device_id, one.subject_id, one.during,
        not exists (select from subjects where id = one.subject_id));
  end loop;
  return null;
end $$;
revoke execute on function note_measured_change() from public;
create trigger note_measured_change after insert or update or delete on subject_assignments
  for each row execute function note_measured_change();
insert into measured_changes (organisation_id, device_id, subject_id, during, erased)
  select organisation_id, device_id, subject_id, during, false from subject_assignments;
