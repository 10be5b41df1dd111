-- Whoever is limited to device groups sees, of what was concluded, what is about a device they see, as they do of the events behind it: what
-- is about a person, an address or a whole fleet names none of theirs.
create policy viewers on detections as restrictive for select to valtronics_server
  using ((select current_viewers() is null) or (scope = 'device' and subject in (select visible_devices()::text)));
-- Incidents are also opened by hand, about anything; those about a device are for who sees the device.
do $$
declare of_device text;
begin
  foreach of_device in array array['incidents', 'incident_detections'] loop
    execute format('create policy viewers on %I as restrictive for select to valtronics_server
      using ((select current_viewers() is null) or scope is distinct from ''device'' or subject in (select visible_devices()::text))', of_device);
  end loop;
end $$;
