-- expand 0.1
-- Apps that make themselves known are counted before another one is stored.
create index clients_registered on latchkey.clients (source) where source in ('registration', 'document');
