#!/usr/bin/perl

# $kafka_ws_* of clients that have given commands: topic, partitions and filter
# are those of the handshake, what was sent is that of all streams, and the
# cursor that of the only one there is in the end, whatever state it is in.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Socket::INET;
use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for);
use KafkaWS::Ports;

use constant TIME => 30;

my $b = KafkaWS::Broker->new();
my ($one, $two) = map { $b->create_topic($b->topic("variables-$_"),
	partitions => 2) } qw(one two);

# what is freed is not as it was
my $t = KafkaWS::Nginx->new(broker => $b, env => { MALLOC_PERTURB_ => 165 })
	->plan(18);
my $slow = KafkaWS::Ports::reserve();

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

worker_processes  1;

events {
}

http {
    %%GLOBALS_HTTP%%

    log_format  stream  escape=none '\$request_uri \$kafka_ws_topic|'
                        '\$kafka_ws_partition|\$kafka_ws_cursor|'
                        '\$kafka_ws_records|\$kafka_ws_bytes|'
                        '\$kafka_ws_close';

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $one $two;
        zone      c 32m;
        ring      256k;
        property  fetch.wait.max.ms 5;
    }

    kafka_ws_ping  5m;
    access_log     %%TESTDIR%%/stream.log stream;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        kafka_ws_commands  on;

        location = /one {
            mirror          /copy;
            kafka_ws        c;
            kafka_ws_topic  $one;
        }

        location = /known {
            kafka_ws        c;
            kafka_ws_topic  \$arg_t;
        }

        location = /none {
            kafka_ws            c;
            kafka_ws_partition  \$arg_p;
        }

        location = /copy {
            internal;
            log_subrequest  on;
            access_log      %%TESTDIR%%/copy.log stream;
            proxy_pass      http://127.0.0.1:$slow;
        }
    }
}

EOT

my $server = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1',
	LocalPort => $slow, ReuseAddr => 1) or die "listen: $!\n";

###############################################################################

# none of those to come is refused

opened("/known?t=$_")->disconnect() for $one, $two;

# the stream of the handshake alone, as it runs, and paused

for my $how (qw(runs paused)) {
	my $c = started("/one?$how");

	send_to($c, $one, 0, 1, 1);

	my $cursor = $c->cursor($one);

	$c->ask(command => 'pause', topic => $one) if $how eq 'paused';

	is(live($c), line($c, $one, $cursor), "$how: in between");
	leave($c);
	is(logged($c), line($c, $one, $cursor, 1000), "$how: in the end");
}

# two of them, and one again

for my $which ($one, $two) {
	my $c = started('/one?' . ($which eq $one ? 'first' : 'second'));

	$c->ask(command => 'subscribe', topic => $two);
	$c->wait_event('start', TIME);
	send_to($c, $one, 1);
	send_to($c, $two, 0, 0, 1);

	is(live($c), line($c, $one, ''), 'two streams: in between');
	$c->ask(command => 'unsubscribe',
		topic => $which eq $one ? $two : $one);
	send_to($c, $which, 0);
	leave($c);
	is(logged($c), line($c, $one, $c->cursor($which), 1000),
		'two streams: one is left');
}

# several, until the end; one that was there twice

my $c = started('/one?several');

$c->ask(command => 'subscribe', topic => $two);
$c->wait_event('start', TIME);
send_to($c, $one, 0);
send_to($c, $two, 0);
$c->ask(command => 'unsubscribe', topic => $one);
$c->ask(command => 'subscribe', topic => $one);
$c->wait_event('start', TIME);
send_to($c, $one, 0, 1);
leave($c);
is(logged($c), line($c, $one, '', 1000), 'several: all they were sent');

# none, until the client says so

$c = opened('/none?p=1,0');
leave($c);
is(logged($c), '|0-1||0|0|1000', 'none: no topic, the partitions that may be');

$c = opened('/none?p=1');
$c->ask(command => 'subscribe', topic => $two);
$c->wait_event('start', TIME);
send_to($c, $two, 1, 1);
leave($c);
is(logged($c), line($c, '', $c->cursor($two), 1000, 1), 'none: then one');

# sought, and gone before it has started again

$c = started('/one?sought');
send_to($c, $one, 0);
$c->ask(command => 'pause', topic => $one);
$c->ask(command => 'seek', topic => $one, cursor => '0:0');
leave($c);
like(logged($c), qr/^$one\|all\|0:0,1:\d+\|1\|/, 'sought: where it goes on');

# all streams are unsubscribed

$c = started('/one?gone');
send_to($c, $one, 0, 0);
$c->ask(command => 'unsubscribe', topic => $one);
is(live($c), line($c, $one, ''), 'gone: in between');
leave($c);
is(logged($c), line($c, $one, '', 1000), 'gone: in the end');

# a reload ends them all

$c = started('/one?reload');
$c->ask(command => 'subscribe', topic => $two);
$c->wait_event('start', TIME);
my $d = started('/one?alone');

send_to($_, $one, 0) for $c;
$d->next_record(TIME);
$d->{bytes} += length $d->last_payload();
$d->{records}++;
send_to($c, $two, 0);
$t->reload();
is(($c->wait_close(TIME))[0], 1012, 'reload: the code');
is(($d->wait_close(TIME))[1], $d->cursor($one), 'reload: the cursor');
is(logged($c), line($c, $one, '', 1012), 'reload: two streams');
is(logged($d), line($d, $one, $d->cursor($one), 1012), 'reload: one stream');

###############################################################################

sub opened {
	my ($uri) = @_;
	my $c = KafkaWS::Client->open($t->port(0), $uri, timeout => TIME,
		commands => 1);

	$c->{records} = $c->{bytes} = 0;

	return $c;
}

sub started {
	my $c = opened(@_);

	$c->wait_event('start', TIME);
	$c->{copy} = $server->accept();

	return $c;
}

# a record to each of these partitions, which the client has then
sub send_to {
	my ($c, $topic, @partitions) = @_;

	$b->produce($topic, map { { partition => $_, value => 'value' } }
		@partitions);

	for (@partitions) {
		$c->next_record(TIME) or die "a record of $c->{uri}\n";
		$c->{records}++;
		$c->{bytes} += length $c->last_payload();
	}
}

# what the variables are while the streams run
sub live {
	my ($c) = @_;

	sysread $c->{copy}, my $request, 4096;
	syswrite $c->{copy}, "HTTP/1.1 204 no\x0d\x0a"
		. "Connection: close\x0d\x0a\x0d\x0a";

	return logged($c, 'copy.log');
}

sub leave {
	my ($c) = @_;

	$c->close(1000);
	$c->wait_close(TIME);
	$c->disconnect();
}

# the line of a client in the log
sub logged {
	my ($c, $file) = @_;
	my $text;

	wait_for(TIME, sub { ($text) = $t->read_testfile($file // 'stream.log')
		=~ /^\Q$c->{uri}\E (.*)\n/m }) or die "no line of $c->{uri}\n";

	return $text;
}

# and as it has to be
sub line {
	my ($c, $topic, $cursor, $code, $list) = @_;

	return join '|', $topic, $list // 'all', $cursor, $c->{records},
		$c->{bytes}, $code // '';
}

###############################################################################
