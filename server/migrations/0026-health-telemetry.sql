-- Series of class health: what was measured is sealed. The rows of points keep their keys; the values of up to a thousand of them lie in one
-- sealed chunk on the row of the newest, which the others name by its time.

alter table points add column chunk timestamptz, add column sealed bytea,
  -- No value beside the seal, whoever writes. Not validated: there is no older row with a chunk.
  add constraint points_sealed_alone check (chunk is null or (num is null and txt is null)) not valid,
  add constraint points_sealed_on_its_chunk check (sealed is null or chunk = ts) not valid;
create index points_sealed on points (series_id, ts) where sealed is not null;
grant update (num, txt, chunk, sealed) on points to valtronics_maintenance;

alter table rollups_1m add column sealed bytea,
  add constraint rollups_1m_sealed_alone check (sealed is null or (sum = 0 and min = 0 and max = 0 and sketch = '')) not valid;
alter table rollups_1h add column sealed bytea,
  add constraint rollups_1h_sealed_alone check (sealed is null or (sum = 0 and min = 0 and max = 0 and sketch = '')) not valid;
create index rollups_1m_sealed on rollups_1m (series_id, bucket) where sealed is not null;
create index rollups_1h_sealed on rollups_1h (series_id, bucket) where sealed is not null;

-- Marked for good: what was promised to the people measured is not taken back by a slip, or by somebody who got hold of the server's role.
create function health_stays() returns trigger language plpgsql as $$
begin
  if old.health and not new.health then
    raise exception '% % is of class health for good', tg_table_name, old.id using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger health_stays before update of health on series for each row execute function health_stays();
create trigger health_stays before update of health on devices for each row execute function health_stays();
grant update (health) on series to valtronics_server;

-- Series that were marked when they had points already, which are still to be sealed. How far that is tell the points themselves.
create table series_sealings (
  series_id integer primary key references series on delete cascade,
  organisation_id integer not null,
  requested_at timestamptz not null default now(),
  sealed_points bigint not null default 0
);
call own_by_organisation('series_sealings');
call show_series_to_viewers('series_sealings');
grant select, insert on series_sealings to valtronics_server;
grant select, update, delete on series_sealings to valtronics_maintenance;

-- Those that were of class health before there were seals.
insert into series_sealings (series_id, organisation_id) select id, organisation_id from series where health;
update series_latest l set num = null, txt = null from series s where s.id = l.series_id and s.health;

create or replace function is_permission_list(list text[]) returns boolean
  language sql immutable parallel safe
  return list <@ array['device:read', 'device:write', 'device:delete', 'telemetry:read', 'telemetry:write', 'health:read', 'alert:read',
    'alert:write', 'alert:acknowledge', 'analytics:read', 'analytics:export', 'system:admin', 'user:manage', 'config:manage'];
