#!/usr/bin/perl

# Filters and reloads: what a filter wants may change, and locations may stand
# in another order, while the rings stay.  Only other fields are other rings.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(within);

# the workers of the first configuration take their time to close, if it goes
# by that; those of the others more than anybody waits here

use constant { TIME => 10, DRAIN => 1, LONG => within(60) };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('filter-reload'));

my $drain = DRAIN;
my $t = KafkaWS::Nginx->new(broker => $b)->plan(18);

conf(['/a', 'header:x = 1', 'key = k'], ['/b', 'json:/v = 2', 'key ^= k']);
$t->run();

###############################################################################

my $c = started('/a');

# every filter here lets them pass

$b->produce($topic, map { { key => 'k', headers => [['x', 1]],
	value => qq({"n":$_,"v":2}) } } 1 .. 3);

is($c->records(3, TIME), 3, 'records before all of it');
is(status()->{renderings}, 2, 'json, and the fields of both locations');

my $all = status()->{records};

# the same fields

$drain = LONG;
reload(['/b', 'json:/v in 1,2,3', 'json:/v ^= 2'], ['/a', 'key in j,k'],
	['/c', 'header:x ^= $arg_x']);
is(($c->wait_close(TIME))[0], 1012, 'the same fields: close');

for my $uri ('/a?', '/b?', '/c?x=1&') {
	$c = started("${uri}cursor=0:1");
	is($c->{start}{partitions}[0]{state}, 'resumed',
		"the same fields: $uri resumes");
}

is(numbers($c->records(2, TIME)), '2 3', 'the same fields: history');
is(status()->{records}, $all, 'the same fields: nothing was read again');

# one more

reload(['/a', 'key = k', 'json:/v = 2', 'header:x = 1'],
	['/d', 'header:y = 1']);
is(($c->wait_close(TIME))[0], 1012, 'a field more: close, at once');

$c = started('/a?cursor=0:1');
is(numbers($c->records(2, TIME)), '2 3', 'a field more: history');
is(status()->{renderings}, 2, 'a field more: in the same rendering');
cmp_ok(status()->{records}, '>', $all, 'a field more: it was read again');

# none at all

reload(['/a']);
is(($c->wait_close(TIME))[0], 1012, 'no filters: close, at once');

$c = started('/a?cursor=0:1');
is(numbers($c->records(2, TIME)), '2 3', 'no filters: history');
is(status()->{renderings}, 1, 'no filters: json alone');

# while the zone is still that of the helper before, which does not go

my $helper = $t->helper_pid();

kill 'STOP', $helper;
reload(['/a', 'header:z = 1']);

my $r = KafkaWS::Client->connect($t->port(0), '/a');

is($r->status, 503, 'the rings before: status');
is($r->body, "topics are not known yet\n", 'the rings before: why');

kill 'CONT', $helper;
ok(wait_for(TIME, sub { KafkaWS::Client->connect($t->port(0), '/a')->status
	== 101 }), 'the rings before: gone');

###############################################################################

# locations: uri, what their filters say
sub conf {
	my $locations = join "\n", map {
		my ($uri, @filters) = @$_;

		"location $uri { kafka_ws c; "
			. join(' ', map { "kafka_ws_filter $_;" } @filters)
			. " }";
	} @_;

	$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_drain  ${drain}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        ring      256k;
        preload   records=100;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location = /kafka_ws_status {
            kafka_ws_status;
        }

        $locations
    }
}

EOT
}

sub reload {
	conf(@_);
	$t->reload();
}

sub started {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri);

	$c->{start} = $c->wait_event('start', TIME);

	return $c;
}

sub numbers { return join ' ', map { $_->{value}{n} } @_ }

sub status { return $t->status()->{clusters}[0] }

###############################################################################
