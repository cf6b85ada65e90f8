alter table latchkey.connection_events
  drop column trip_id,
  drop column question,
  drop column request_id;
