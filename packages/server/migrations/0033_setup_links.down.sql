drop table latchkey.setup_links;
