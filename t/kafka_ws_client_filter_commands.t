#!/usr/bin/perl

# kafka_ws_client_filter and commands: the URL narrows all streams of a
# connection, a command its own, for as long as it lasts; what the operator and
# the URL say holds whatever a command asks for.

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

use constant { TIME => 20, OLDER => 300 };

my $long = 'k' x 1024;

# key, header "user", value of /a
my @records = map { my $key = $_; map { my $user = $_; map { [$key, $user, $_] }
	1, 2 } 'x', 'y' } 'alice', 'bob';

push @records, [$long, 'x', 1];

# code, filter, what it says
my @refused = (
	[4403, { 'json:/b' => '1' }, 1, 'is not for clients to filter by'],
	[4403, { 'header:User' => 'x' }, 1, 'is not for clients to filter by'],
	[4403, { 'json:' => '1' }, 1, 'is not for clients to filter by'],
	[4400, { key => "${long}k" }, 1, 'is longer than 1024 bytes'],
);

# those, in the order in which they are written
my @written = (
	[4403, '{"key":"bob","header:other":"x"}',
		'filter: field 2 is not for'],
	[4403, '{"key":"a","header:user":"a","json:/a":"a","json:/b":"a",'
		. '"json:/c":"a"}', 'filter: field 4 is not for'],
	[4400, '{"key":"bob","key":"bob"}', ''],
	[4400, '{"key":"bob","\u006bey":"alice"}', ''],
	[4400, '{"key":""}', ''],
	[4400, '{"key":null}', ''],
	[4400, '{"key":["bob"]}', ''],
	[4400, '{"key":"\u0000"}', ''],
	[4400, '{"key":"\ud800"}', ''],
	[4400, '{"Key":"bob"}', ''],
	[4400, '{}', ''],
	[4400, 'null', ''],
);

my $b = KafkaWS::Broker->new();
my ($one, $two, $old) = map { $b->create_topic($b->topic("narrow-$_")) }
	qw(one two old);
my $kafka = $b->kind() eq 'kafka';

my $t = KafkaWS::Nginx->new(broker => $b)
	->plan(23 + 2 * @refused + 2 * @written + ($kafka ? 4 : 0));

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    log_format  stream  escape=none '\$request_uri|\$kafka_ws_filter';
    access_log  %%TESTDIR%%/stream.log stream;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $one $two;
        zone      c 16m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_cluster d {
        brokers   %%BROKERS%%;
        topics    $old;
        zone      d 16m;
        ring      64k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_fields         topic partition offset;
        kafka_ws_commands       on;
        kafka_ws_client_filter  key header:user json:/a;

        location = /free {
            kafka_ws  c;
        }

        location = /bound {
            kafka_ws         c;
            kafka_ws_filter  header:user = x;
            kafka_ws_filter  key in \$arg_keys;
        }

        location = /off {
            kafka_ws                c;
            kafka_ws_client_filter  off;
        }

        location = /old {
            kafka_ws  d;
        }
    }
}

EOT

###############################################################################

my ($c, $all);

# the helper has asked for the topics
ok(wait_for(TIME, sub {
	$all = client('/off?key=bob');
	return ($all->ask(command => 'subscribe', topic => $two)->{code} // 0)
		!= 1013;
}), 'topics are known');

# one that is not narrowed says when all of it is there

$all->ask(command => 'subscribe', topic => $one);
$all->wait_event('start', TIME) for 1, 2;

$c = client('/free?key=alice&json:/a=1');
subscribe($c, $one);
subscribe($c, $two, filter => { 'header:user' => 'x' });
produce($one);
produce($two);

gets($c, $one, wanted(sub { "@_[0, 2]" eq 'alice 1' }, 0), 'by the URL');
gets($c, $two, wanted(sub { "@_" eq 'alice x 1' }, 0),
	'and by the command');

# whatever becomes of the stream

my $narrow = wanted(sub { "@_" eq 'alice x 1' }, 0);

$c->ask(command => 'seek', topic => $two, cursor => '0:0');
$c->wait_event('start', TIME);
gets($c, $two, $narrow, 'the same after a seek');

$c->ask(command => 'pause', topic => $two);
produce($two);
gets($c, $two, '', 'nothing while it is paused');
$c->ask(command => 'resume', topic => $two);
$c->wait_event('start', TIME);
gets($c, $two, wanted(sub { "@_" eq 'alice x 1' }, 1),
	'the same after a pause');

$c->ask(command => 'seek', topic => $two, start => 'earliest');
$c->wait_event('start', TIME);
gets($c, $two, both(sub { "@_" eq 'alice x 1' }),
	'the same from the beginning');

# the filter is the stream's: the next one has its own

again($c, undef);
gets($c, $two, both(sub { "@_[0, 2]" eq 'alice 1' }),
	'without one the URL still holds');
again($c, { 'header:user' => 'y' });
gets($c, $two, both(sub { "@_" eq 'alice y 1' }), 'another one');
again($c, { key => 'alice', 'json:/a' => '1', 'header:user' => 'y' });
gets($c, $two, both(sub { "@_" eq 'alice y 1' }),
	'what the URL says, said again');
again($c, { key => 'bob' });
gets($c, $two, '', 'a key that the URL does not leave');
again($c, { 'json:/a' => '2', 'header:user' => 'x' });
gets($c, $two, '', 'a value that the URL does not leave');
$c->disconnect();

# what the operator says

$c = client('/bound?keys=alice,bob');
subscribe($c, $two, cursor => '0:0');
gets($c, $two, both(sub { $_[1] eq 'x' && $_[0] ne $long }),
	'bound');
again($c, { key => 'bob' });
gets($c, $two, both(sub { "@_[0, 1]" eq 'bob x' }),
	'bound, and narrowed');
again($c, { 'header:user' => 'x', 'json:/a' => '1' });
gets($c, $two, both(sub { "@_[1, 2]" eq 'x 1' && $_[0] ne $long }),
	'bound, said again');

for my $filter ({ 'header:user' => 'y' }, { key => $long },
	{ key => 'alice,bob' }, { key => 'alice', 'header:user' => 'y' })
{
	again($c, $filter);
	gets($c, $two, '', 'bound, not widened');
}

$c->disconnect();

# refused, and no stream

$c = client('/free');

for my $case (@refused) {
	my ($code, $filter, $n, $text) = @$case;
	my $e = $c->ask(command => 'subscribe', topic => $two,
		filter => $filter);

	is("$e->{event} " . ($e->{code} // ''), "error $code",
		'refused: ' . join ' ', keys %$filter);
	is($e->{message} // '', "filter: field $n $text", 'and why');
}

for my $case (@written) {
	my ($code, $filter, $text) = @$case;
	my $id = ++$c->{asked};

	$c->send_text(qq({"command":"subscribe","id":$id,"topic":"$two",)
		. qq("filter":$filter}));

	# what cannot be read may have no id
	my $e = $c->wait_event('error', TIME);

	is($e->{code}, $code, "refused: $filter");
	like($e->{message}, qr/^\Q$text\E/, 'and why');
}

subscribe($c, $two, cursor => '0:0', filter => { key => $long });
gets($c, $two, both(sub { $_[0] eq $long }), 'not a byte too long');
$c->disconnect();

is($all->ask(command => 'subscribe', topic => $two, filter => { key => 'a' })
	->{code}, 4409, 'it has a stream');
$all->ask(command => 'unsubscribe', topic => $two);
is($all->ask(command => 'subscribe', topic => $two, filter => { key => 'a' })
	->{code}, 4403, 'none where they are off');
$all->disconnect();

# the log

ok(wait_for(TIME, sub { $t->read_testfile('stream.log')
	=~ m{^/free\?key=alice&json:/a=1\|key = "alice" and json:/a = "1"$}m }),
	'the log has what the URL says');

older() if $kafka;

###############################################################################

# records that are older than the ring, once it has the last of them
sub older {
	my $c = client('/old?json:/a=1');

	$c->wait_event('start', TIME);
	$b->produce($old, map { my $n = $_; { key => 'k' . $n % 3,
		value => sprintf('{"a":%d,"v":"%s"}', $n % 2, 'v' x 1000) } }
		0 .. OLDER - 1);

	wait_for(TIME, sub { ($c->next_record(TIME) // { offset => OLDER })
		->{offset} >= OLDER - 1 });
	$c->ask(command => 'unsubscribe');
	$c->events();

	for my $how ([cursor => '0:0'], [start => 'earliest']) {
		subscribe($c, $old, @$how, filter => { key => 'k1' });

		my @due = grep { $_ % 6 == 1 } 0 .. OLDER - 1;

		is(join(' ', map { $_->{offset} } $c->records(scalar @due,
			TIME)), "@due", "older records: $how->[0]");
		gets($c, $old, '', 'and no others');
		$c->ask(command => 'unsubscribe', topic => $old);
	}
}

sub client {
	my ($uri) = @_;

	return KafkaWS::Client->open($t->port(0), $uri, commands => 1,
		timeout => TIME);
}

sub subscribe {
	my ($c, $topic, @how) = @_;
	my $e = $c->ask(command => 'subscribe', topic => $topic, @how);

	$e->{event} eq 'subscribed' or die "$topic: $e->{message}\n";
	$c->wait_event('start', TIME);
}

# the stream of the second topic once more, from its beginning
sub again {
	my ($c, $filter) = @_;

	$c->ask(command => 'unsubscribe', topic => $two);
	subscribe($c, $two, cursor => '0:0',
		$filter ? (filter => $filter) : ());
}

# a round of all of them, and all who are live have theirs
sub produce {
	my ($topic) = @_;

	$b->produce($topic, map { { key => $_->[0],
		headers => [['user', $_->[1]]], value => "{\"a\":$_->[2]}" } }
		@records);

	my @here = $all->records(scalar @records, TIME);

	@here == @records or die "not all records\n";
}

# offsets; rounds: of which, from 0
sub wanted {
	my ($condition, @rounds) = @_;
	my @in = grep { $condition->(@{ $records[$_] }) } 0 .. $#records;

	return join ' ', map { my $round = $_; map { $round * @records + $_ }
		@in } @rounds;
}

sub both { return wanted($_[0], 0, 1) }

# The records that have come on a stream, all of which were sent before a pong.
# The last one may be with others before the worker is told of it: it is waited
# for.
sub gets {
	my ($c, $topic, $wanted, $name) = @_;
	my @offsets;

	wait_for(TIME, sub {
		$c->ping('');
		defined $c->wait_pong(TIME) or die "no pong\n";

		while (my $m = $c->take(0, sub { !defined $_[0]{event}
			&& $_[0]{topic} eq $topic }))
		{
			push @offsets, $m->{offset};
		}

		return @offsets >= split / /, $wanted;
	});

	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is("@offsets", $wanted, $name);
}

###############################################################################
