#!/usr/bin/perl

# A reload that takes the last stream away, and one that brings it back on
# the same zone.

# brokers: kafka mock

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;

select STDERR; $| = 1;
select STDOUT; $| = 1;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('removed'), partitions => 1);

my $t = KafkaWS::Nginx->new(broker => $b)->plan(6);

configure('kafka_ws c;');
$t->run();

my $c = KafkaWS::Client->open($t->port(0), '/');

ok($c->wait_event('start', 10), 'a stream');

configure('return 204;');
$t->reload();

is(($c->wait_close(10))[0], 1012, 'its end when the location is gone');
is($t->http_get('/')->status, 204, 'the location without the stream');

configure('kafka_ws c;');
$t->reload();

$c = KafkaWS::Client->open($t->port(0), '/');

ok($c->wait_event('start', 10), 'the stream again');

$b->produce($topic, { partition => 0, value => 'back' });

is(($c->records(1, 10))[0]{value}, 'back', 'a record on it');
is_deeply([$c->wait_close(1.5)], [], 'the stream stays open');


sub configure {
	my ($what) = @_;

	$t->write_file_expand('nginx.conf', <<"EOT");
%%MODULE%%
%%GLOBALS%%
events { }
http {
    %%GLOBALS_HTTP%%
    kafka_ws_drain 1s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { $what }
    }
}
EOT
}
