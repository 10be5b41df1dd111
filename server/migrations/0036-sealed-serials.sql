-- Serial numbers of devices, which lead to patients through records elsewhere, are sealed with the key of the organisation and found by a keyed hash
-- of the whole. What still stands in clear is sealed when the server starts.
alter table devices
  -- 85 bytes more than the text, of which a character takes 4 at most.
  add column serial_sealed bytea check (length(serial_sealed) <= 565),
  add column serial_index bytea check (length(serial_index) = 8),
  add constraint devices_serial_one check (num_nonnulls(serial, serial_sealed) <= 1),
  add constraint devices_serial_found check ((serial_sealed is null) = (serial_index is null));
create index devices_serial_index on devices (organisation_id, serial_index) where serial_index is not null;
grant update (serial, serial_sealed, serial_index) on devices to valtronics_maintenance;
