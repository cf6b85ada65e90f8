alter table latchkey.connections drop column same_from, drop column same_to;
