-- Series, points in day partitions, the journal that everything after the commit is driven by, and rollups.

create table series (
  id integer generated always as identity primary key,
  organisation_id integer not null references organisations,
  device_id uuid not null references devices on delete cascade,
  metric text not null check (length(metric) between 1 and 64),
  value_type text not null check (value_type in ('number', 'boolean', 'string')),
  unit text check (length(unit) <= 32),
  -- Class health: its values can be kept sealed in a table of their own, since rollups are computed in the server, never in SQL.
  health boolean not null default false,
  created_at timestamptz not null default now(),
  unique (device_id, metric)
);
create index series_organisation on series (organisation_id, device_id, metric);
call own_by_organisation('series');
grant select, insert, update (unit) on series to valtronics_server;
grant select on series to valtronics_maintenance;

-- 48 bytes a row for numbers: the order of the columns avoids padding. Booleans are 0 and 1 in `num`; strings are in `txt`.
create table points (
  series_id integer not null,
  organisation_id integer not null,
  ts timestamptz not null,
  num double precision,
  txt text,
  primary key (series_id, ts)
) partition by range (ts);
-- On the parent only: COPY into a table under row-level security is refused, so the ingest role writes the day partitions, which the
-- server's role cannot touch at all.
call own_by_organisation('points');
grant select on points to valtronics_server;
grant select, delete on points to valtronics_maintenance;

-- Makes one day's partition. The only piece of the owner's rights that ingest may use: it takes a date and can do nothing else.
-- ATTACH instead of CREATE … PARTITION OF: the latter waits behind readers and blocks later ones.
create function ensure_points_day(day date) returns void
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  partition text := 'points_' || to_char(day, 'YYYYMMDD');
  from_ts timestamptz := day::timestamp at time zone 'UTC';
  to_ts timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
  if day < date '2000-01-01' or day > (now() at time zone 'UTC')::date + 3 then
    raise exception 'no partition for %: outside 2000-01-01 and three days from now', day using errcode = 'check_violation';
  end if;
  perform pg_advisory_xact_lock(hashtext('ensure_points_day'));
  if to_regclass('public.' || partition) is not null then return; end if;
  execute format('create table %I (like points including defaults including constraints)', partition);
  execute format('alter table %I add constraint %I check (ts >= %L and ts < %L)', partition, partition || '_day', from_ts, to_ts);
  execute format('alter table %I add primary key (series_id, ts)', partition);
  execute format('alter table points attach partition %I for values from (%L) to (%L)', partition, from_ts, to_ts);
  execute format('alter table %I drop constraint %I', partition, partition || '_day');
  execute format('grant insert on %I to valtronics_ingest', partition);
end $$;
revoke execute on function ensure_points_day(date) from public;
grant execute on function ensure_points_day(date) to valtronics_ingest;

-- Drops the partitions of days before the given one; used by the retention job when no organisation keeps them any longer.
create function drop_points_before(day date) returns integer
  language plpgsql security definer set search_path = public, pg_temp as $$
declare
  partition record;
  dropped integer := 0;
begin
  for partition in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'points'::regclass and c.relname ~ '^points_\d{8}$' and to_date(substr(c.relname, 8), 'YYYYMMDD') < day
  loop
    execute format('drop table %I', partition.relname);
    dropped := dropped + 1;
  end loop;
  return dropped;
end $$;
revoke execute on function drop_points_before(date) from public;
grant execute on function drop_points_before(date) to valtronics_maintenance;

-- A client's own point id remembers the time the server gave the point, so that a redelivery meets the same key again.
create table point_ids (
  device_id uuid not null,
  point_id text not null check (length(point_id) <= 128),
  organisation_id integer not null,
  ts timestamptz not null,
  created_at timestamptz not null default now(),
  primary key (device_id, point_id)
);
create index point_ids_age on point_ids (created_at);
call own_by_organisation('point_ids');
grant select, insert on point_ids to valtronics_server;
grant select, delete on point_ids to valtronics_maintenance;

-- One row per flush, written in the transaction of the points. The payload is a compact binary list of what was stored.
create table telemetry_journal (
  id uuid primary key,
  at timestamptz not null default clock_timestamp(),
  points integer not null,
  payload bytea not null
);
alter table telemetry_journal alter column payload set storage external;
grant insert on telemetry_journal to valtronics_ingest;
grant select, delete on telemetry_journal to valtronics_maintenance;

-- What each consumer has still to do. A consumer deletes its rows in the transaction that holds the effect: exactly once, in any order.
create table telemetry_pending (
  consumer text not null check (consumer in ('rollups', 'rules')),
  journal_id uuid not null,
  primary key (consumer, journal_id)
-- Rows live for a moment, in great numbers: vacuumed by their number, not by a share of a table that is nearly empty.
) with (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
grant insert on telemetry_pending to valtronics_ingest;
grant select, delete on telemetry_pending to valtronics_maintenance;

-- Which process works for a consumer. It proves in each of its transactions that it still is the one, since what it keeps in memory
-- would be wrong if another had written meanwhile.
create table telemetry_consumers (
  consumer text primary key check (consumer in ('rollups', 'rules')),
  holder uuid
);
insert into telemetry_consumers (consumer) values ('rollups'), ('rules');
grant select, update (holder) on telemetry_consumers to valtronics_maintenance;

create table series_latest (
  series_id integer primary key references series on delete cascade,
  organisation_id integer not null,
  first_ts timestamptz not null,
  ts timestamptz not null,
  num double precision,
  txt text
) with (fillfactor = 70);
call own_by_organisation('series_latest');
grant select on series_latest to valtronics_server;
grant select, insert, update on series_latest to valtronics_maintenance;

create table rollups_1m (
  series_id integer not null,
  organisation_id integer not null,
  bucket timestamptz not null,
  count bigint not null,
  sum double precision not null,
  min double precision not null,
  max double precision not null,
  sketch bytea not null,
  primary key (series_id, bucket)
) with (fillfactor = 85);
create table rollups_1h (like rollups_1m including all) with (fillfactor = 85);
call own_by_organisation('rollups_1m');
call own_by_organisation('rollups_1h');
grant select on rollups_1m, rollups_1h to valtronics_server;
grant select, insert, update, delete on rollups_1m, rollups_1h to valtronics_maintenance;
create index rollups_1m_age on rollups_1m using brin (bucket);

-- Series of deleted devices whose points and rollups the maintenance job still has to remove.
create table series_purges (
  series_id integer primary key,
  organisation_id integer not null,
  requested_at timestamptz not null default now()
);
call own_by_organisation('series_purges');
grant select, delete on series_purges to valtronics_maintenance;

create function purge_series_of_deleted_device() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  insert into series_purges (series_id, organisation_id) values (old.id, old.organisation_id) on conflict do nothing;
  return old;
end $$;
revoke execute on function purge_series_of_deleted_device() from public;
create trigger purge_points after delete on series for each row execute function purge_series_of_deleted_device();
