-- Persons measured: who registered them, the orders of their list, and whether a transaction sees the whole fleet.

-- Until a device measures them they are seen by whoever sees every device, and by the person who registered them.
alter table subjects add column registered_by uuid references users on delete set null;

create index subjects_reference on subjects (organisation_id, lower(reference), id);
create index subjects_created on subjects (organisation_id, created_at, id);

-- How many devices the current organisation has, whichever of them row-level security shows. Counted beside what it does show, it tells
-- whether anything is hidden; it names no device and no organisation but the current one.
create function count_devices_of_organisation() returns bigint
  language sql stable security definer set search_path = public, pg_temp as $$
  select count(*) from devices where organisation_id = current_organisation() $$;
revoke execute on function count_devices_of_organisation() from public;
grant execute on function count_devices_of_organisation() to valtronics_server;
