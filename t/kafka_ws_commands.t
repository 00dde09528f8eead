#!/usr/bin/perl

# kafka_ws_commands: several topics over one socket.  Each command is answered
# by one event with its id; streams start, pause, go on and move exactly; what
# the operator allows binds every command.

# brokers: kafka mock
# timeout: 180

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Compress::Raw::Zlib ();
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Pace qw(within);

use constant BIG => '9007199254740993';		# 2^53 + 1

my $b = KafkaWS::Broker->new();
my $base = $b->topic('commands');
my ($one, $two, $three, $small) = map { "$base.$_" } qw(a b c small);

$b->create_topic($one);
$b->create_topic($two, partitions => 2);
$b->create_topic($three, partitions => 4);
$b->create_topic($small);
$b->create_topic("$base.secret");

my $pattern = $base =~ s/\./\\./gr;

my $t = KafkaWS::Nginx->new(broker => $b);

$t->write_file_expand('nginx.conf', <<"EOT");

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    ~^$pattern\\.(?!secret);
        zone      c 32m;
        ring      64k;
        property  fetch.wait.max.ms 5;
    }

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_commands  on;
        kafka_ws_backfill  off;
        kafka_ws_ping      5m;

        location = / {
            kafka_ws        c;
            kafka_ws_topic  $one;
            kafka_ws_format json text;
        }

        location = /none {
            kafka_ws  c;
        }

        location = /list {
            kafka_ws            c;
            kafka_ws_topic      $two;
            kafka_ws_partition  \$arg_p;
        }

        location = /key {
            kafka_ws            c;
            kafka_ws_partition  key=\$arg_user hash=crc32;
        }

        location = /filter {
            kafka_ws         c;
            kafka_ws_filter  header:user = \$arg_user;
        }

        location = /backfill {
            kafka_ws           c;
            kafka_ws_backfill  records=100000;
        }

        location = /close {
            kafka_ws      c;
            kafka_ws_gap  close;
        }

        location = /off {
            kafka_ws           c;
            kafka_ws_topic     $one;
            kafka_ws_commands  off;
        }
    }
}

EOT

$t->plan($b->kind() eq 'kafka' ? 90 : 88)->run();

###############################################################################

my $c = socket_of('/');

# the location's own topic is the first stream, and names itself

my $start = $c->wait_event('start', 10);

is($start->{topic}, $one, 'first stream');

$b->produce($one, 'first');
is($c->next_record(10)->{topic}, $one, 'its records have the topic');

# another one

is_deeply($c->ask(command => 'subscribe', topic => $two),
	{ event => 'subscribed', id => 1, topic => $two }, 'subscribed');
is_deeply(partitions($c->wait_event('start', 10)), '0 0 start, 1 0 start',
	'its start');

$b->produce($two, { partition => 1, value => 'x' });
$b->produce($one, 'second');

is(join(' ', sort map { "$_->{topic} $_->{value}" } $c->records(2, 10)),
	"$one second $two x", 'records of both');

# ids as they came

for my $id ('-7', '18446744073709551616', '"a\u0041\"/é"') {
	$c->send_text(qq({"command":"pause","topic":"$one","id":$id}));
	$c->wait_event('paused', 10);
	like($c->last_payload(), qr/"id":\Q$id\E,/, "id $id");
}

$c->ask(command => 'resume', topic => $one);
$c->wait_event('start', 10);

# what is not possible

refused($c, 4409, { command => 'subscribe', topic => $two },
	'subscribed already');
refused($c, 4409, { command => $_, topic => $three, ($_ eq 'seek'
	? (start => 'latest') : ()) }, "$_ without a stream")
	for qw(unsubscribe pause resume seek);
refused($c, 4403, { command => 'subscribe', topic => $_ }, "not allowed: $_")
	for "$base.secret", 'nothing', '__consumer_offsets', "$one\n", "\U$one";
refused($c, 4404, { command => 'subscribe', topic => "$base.none" },
	'no such topic');
refused($c, 4404, { command => 'subscribe', topic => $three,
	partitions => '4-7' }, 'no such partition');
refused($c, 4404, { command => 'seek', topic => $two, cursor => '2:0' },
	'no such partition to seek in');
refused($c, 4403, { command => 'subscribe', topic => $three,
	filter => { key => 'a' } }, 'a filter');
refused($c, 4400, { command => 'subscribe', topic => $three,
	start => 'tail=0' }, 'a bad start');

# malformed: what and where

for my $case (
	['{', 'null'],
	['[]', 'null'],
	['', 'null'],
	['{"command":"pause","id":1,"id":1}', 'null|1'],
	['{"command":"seek","id":5,"topic":"t","offset":1.5,"partition":0}',
		5],
	['{"command":"dance","id":6}', 6],
	['{"command":"pause","id":7,"topic":7}', 7],
) {
	my ($text, $id) = @$case;

	$c->send_text($text);

	my $e = $c->wait_event('error', 10);

	like($e->{code} . ' ' . ($e->{id} // 'null') . " $e->{message}",
		qr/^4400 ($id) .* at byte \d+$/, "malformed: $text");
}

# pause keeps the place, whatever comes meanwhile

my $paused = $c->ask(command => 'pause', topic => $two);

is($paused->{cursor}, '0:0,1:1', 'paused at');

$b->produce($two, map { { partition => 1, value => "p$_" } } 1 .. 5);
$b->produce($one, 'third');

is($c->next_record(10)->{value}, 'third', 'the other goes on');
is($c->ask(command => 'pause', topic => $two)->{cursor}, '0:0,1:1',
	'paused again');
is($c->ask(command => 'resume', topic => $two)->{event}, 'resumed',
	'resumed');
is(partitions($c->wait_event('start', 10)), '0 0 resumed, 1 1 resumed',
	'goes on where it was');
is(values_of($c->records(5, 10)), 'p1 p2 p3 p4 p5', 'with the next record');
is($c->ask(command => 'resume', topic => $two)->{event}, 'resumed',
	'resumed again');

# back, and forward; the other partition stays where it is

$b->produce($two, { partition => 0, value => 'q' });
is($c->next_record(10)->{value}, 'q', 'a record of the other partition');

is_deeply($c->ask(command => 'seek', topic => $two, partition => 1,
	offset => 4), { event => 'sought', id => $c->{asked},
	topic => $two }, 'sought back');
is(partitions($c->wait_event('start', 10)), '0 1 resumed, 1 4 resumed',
	'from there');
is(values_of($c->records(2, 10)), 'p4 p5', 'those records again');

$c->ask(command => 'seek', topic => $two, cursor => { 0 => 0, 1 => '6' });
is(partitions($c->wait_event('start', 10)), '0 0 resumed, 1 6 resumed',
	'both');
is(values_of($c->records(1, 10)), 'q', 'the records of one again');

$c->ask(command => 'seek', topic => $two, start => 'tail=1');
$c->wait_event('start', 10);
is(join(' ', sort map { $_->{value} } $c->records(2, 10)), 'p5 q',
	'as a new one');

# offsets are exact

# in one packet: what is ahead of the log is waited for no longer than 1 s

$c->raw_write(join '', map { KafkaWS::WebSocket::frame(1, $_) }
	qq({"command":"seek","id":"s","topic":"$two","partition":0,)
	. qq("offset":${\BIG}}),
	qq({"command":"pause","id":"p","topic":"$two"}));

is($c->answer('p')->{cursor}, '0:' . BIG . ',1:6', 'an offset beyond 2^53');

$c->ask(command => 'seek', topic => $two, cursor => '0:9223372036854775807');
is($c->ask(command => 'pause', topic => $two)->{cursor},
	'0:9223372036854775807,1:6', 'paused while it is sought');

$c->ask(command => 'seek', topic => $two, cursor => '0:1');

# the cursor of the end is that of the next beginning

is($c->ask(command => 'unsubscribe', topic => $two)->{cursor}, '0:1,1:6',
	'unsubscribed at');

$b->produce($two, { partition => 0, value => 'r' });
$b->produce($one, 'fourth');
is($c->next_record(10)->{value}, 'fourth', 'nothing of it any more');

$c->ask(command => 'subscribe', topic => $two, cursor => '0:1,1:6');
is(partitions($c->wait_event('start', 10)), '0 1 resumed, 1 6 resumed',
	'subscribed with a cursor');
is($c->next_record(10)->{value}, 'r', 'nothing is lost');

# the first stream is one as any, and is what is meant without a topic

is($c->ask(command => 'unsubscribe')->{topic}, $one, 'the first ends');
is($c->ask(command => 'subscribe', start => 'tail=1')->{topic}, $one,
	'and begins');
$c->wait_event('start', 10);
is($c->next_record(10)->{value}, 'fourth', 'its last record');

# no stream at first

$c = socket_of('/none');
refused($c, 4400, { command => 'pause' }, 'without a topic');
is($c->ask(command => 'subscribe', topic => $three, partitions => [3, 1])
	->{event}, 'subscribed', 'without a first stream');
is(partitions($c->wait_event('start', 10)), '1 0 start, 3 0 start',
	'partitions of its own');

$b->produce($three, map { { partition => $_, value => "v$_" } } 0 .. 3);
is(join(' ', sort map { $_->{value} } $c->records(2, 10)), 'v1 v3',
	'and no others');
refused($c, 4403, { command => 'seek', topic => $three, cursor => '0:0' },
	'a partition that it does not have');

# the location's partitions

$c = socket_of('/list?p=0');
is(partitions($c->wait_event('start', 10)), '0 2 start', 'a list');
$c->ask(command => 'unsubscribe');

refused($c, 4403, { command => 'subscribe', topic => $two,
	partitions => $_->[0] }, "partitions $_->[1]")
	for ['1', '1'], ['0-1', '0-1'], [[0, 2], '0, 2'];
refused($c, 4403, { command => 'subscribe', topic => $two,
	cursor => '1:0' }, 'a cursor that names another');

$c->ask(command => 'subscribe', topic => $two, partitions => 'all',
	start => 'earliest');
is(partitions($c->wait_event('start', 10)), '0 0 start',
	'all are those of the list');
refused($c, 4403, { command => 'seek', topic => $two, partition => 1,
	offset => 0 }, 'another to seek in');

# the partition of a key, in each topic

my $p = Compress::Raw::Zlib::crc32('alice') % 4;

$c = socket_of('/key?user=alice');
$c->ask(command => 'subscribe', topic => $three);
is(partitions($c->wait_event('start', 10)) =~ s/ .*//r, $p, 'of a key');

$b->produce($three, { value => 'others', partition => ($p + 1) % 4 },
	{ key => 'alice', value => 'hers', partition => $p });
is($c->next_record(10)->{value}, 'hers', 'her record');
$c->ask(command => 'unsubscribe', topic => $three);
refused($c, 4403, { command => 'subscribe', topic => $three,
	partitions => [($p + 1) % 4] }, 'not of the key');

# the filter, in each stream

$c = socket_of('/filter?user=alice');

for my $topic ($one, $two) {
	$c->ask(command => 'subscribe', topic => $topic);
	$c->wait_event('start', 10);
}

for my $topic ($one, $two) {
	$b->produce($topic, map { { partition => 0, value => "$topic $_",
		headers => [[user => $_]] } } qw(bob alice carol alicea));
}

is(join(' ', sort map { $_->{value} } $c->records(2, 10)),
	"$one alice $two alice", 'filtered');
is_deeply([$c->records(1, 0.3)], [], 'nothing else');

# paused for longer than the ring holds

my $gap = socket_of('/none');
my $back = socket_of('/backfill');
my $close = socket_of('/close');

for my $s ($gap, $back, $close) {
	$s->ask(command => 'subscribe', topic => $small);
	$s->wait_event('start', 10);
	$s->ask(command => 'subscribe', topic => $one);
	$s->wait_event('start', 10);
	$s->ask(command => 'pause', topic => $small);
}

$b->produce($small, map { "$_ " . 'x' x 1000 } 0 .. 199);
$b->produce($one, 'mark');
ok(wait_for(within(20), sub {
	my $s = socket_of('/none');

	$s->ask(command => 'subscribe', topic => $small, start => 'tail=1');

	return (($s->records(1, 1))[0] // { offset => 0 })->{offset} == 199;
}), 'the ring has the last one');

for my $s ($gap, $back, $close) {
	is($s->next_record(10)->{value}, 'mark', 'beside a stream that lags');
	is(($s->ask(command => 'resume', topic => $small) // {})->{event},
		'resumed', 'and goes on')
		or diag("closed: @{ $s->{close} // [] }");
}

like(partitions($gap->wait_event('start', 10)), qr/^0 \d+ gap$/,
	'lapped while it was paused');

my $lost = $gap->wait_event('gap', 10);

is($lost->{from}, 0, 'what is lost begins where it was paused');
is(($gap->records(199 - $lost->{to}, 10))[-1]{offset}, 199,
	'and what follows it comes');

if ($b->kind() eq 'kafka') {
	is(partitions($back->wait_event('start', 10)), '0 0 backfilled',
		'older records');
	is(join(' ', map { $_->{offset} } $back->records(200, 20)),
		join(' ', 0 .. 199), 'all of them');
}

is_deeply($close->wait_event('error', 10), { event => 'error',
	topic => $small, code => 4410,
	message => 'the position is no longer held' },
	'with kafka_ws_gap close the stream ends');

$b->produce($one, 'after');
is($close->next_record(10)->{value}, 'after', 'and no other');

# where there are none

for my $case (['/off', 'kafka.json.v1'], ['/', 'kafka.text.v1']) {
	my ($uri, $format) = @$case;

	$c = KafkaWS::Client->open($t->port(0), $uri,
		subprotocol => $format,
		$format =~ /text/ ? (format => 'text') : ());
	$c->send_text(qq({"command":"pause","id":1}));
	is(($c->wait_close(10))[0], 1003, "no commands: $uri $format");
}

is(KafkaWS::Client->connect($t->port(0), '/list?p=1-x')->status, 400,
	'a bad list is refused before');

# the reason of a Close is the cursor, if it is that of the only stream

my @last = map { socket_of('/none') } 0 .. 2;

for my $i (0 .. 2) {
	for my $topic ($two, $i == 1 ? $three : ()) {
		$last[$i]->ask(command => 'subscribe', topic => $topic,
			cursor => '0:1,1:2');
		$last[$i]->wait_event('start', 10);
	}
}

my $here = $last[2]->ask(command => 'pause', topic => $two)->{cursor};

$_->records(20, 0.3) for @last;
$t->signal('QUIT');

my ($single, $double, $still) = map { [$_->wait_close(10)] } @last;

# what came before the Close, but after the look above
$last[0]->records(20, 0);

is("@$single", "1001 " . $last[0]->cursor($two), 'the only stream');
is("@$double", '1001 ', 'one of two');
is("@$still", "1001 $here", 'one that is paused');

###############################################################################

sub socket_of {
	my ($uri, %o) = @_;

	return KafkaWS::Client->open($t->port(0), $uri, commands => 1, %o);
}

sub refused {
	my ($c, $code, $command, $name) = @_;
	my $e = $c->ask(%$command);

	is(join(' ', $e->{event}, $e->{code} // ''), "error $code", $name);
}

sub partitions {
	my ($start) = @_;

	return join ', ', map { "$_->{partition} $_->{offset} $_->{state}" }
		@{ $start->{partitions} };
}

sub values_of { return join ' ', map { $_->{value} } @_ }

###############################################################################
