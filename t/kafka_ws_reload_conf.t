#!/usr/bin/perl

# Reloads with another configuration: what of the rings and of the streams
# stays, and what does not.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx qw(wait_for now);
use KafkaWS::Pace qw(within);

# in the long drain nobody is closed within any time that is waited for
use constant { TIME => 10, DRAIN => within(3), LONG => within(60) };

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('conf'));
my $second = $b->create_topic($b->topic('second'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(46);

# what an nginx.conf has else than the first one
my %base = (topics => $topic, zone => '16m', more => '', load => '%%MODULE%%');

conf();
$t->run();

###############################################################################

my $c = started('/');

$b->produce($topic, "old$_") for 1 .. 3;
is($c->records(3, TIME), 3, 'records before all of it');

# a topic more: the ring and its history stay

my $all = 3;

ok(wait_for(TIME, sub { records() == $all }), 'they are counted');
reload(drain => LONG, topics => "$topic $second",
	more => "location /second { kafka_ws c; kafka_ws_topic $second; }");

my ($code, $reason) = $c->wait_close(TIME);

is($code, 1012, 'topic added: close');
is($reason, '0:3', 'topic added: cursor');

$c = started('/?cursor=0:1');
is_deeply($c->{start}{partitions}[0], { partition => 0, offset => 1,
	state => 'resumed' }, 'topic added: history is there');
is(join(' ', map { $_->{value} } $c->records(2, TIME)), 'old2 old3',
	'topic added: its records');
is(records(), $all, 'topic added: nothing was read again');

my $s = started('/second');

$b->produce($second, 'first');
is(($s->records(1, TIME))[0]{value}, 'first', 'topic added: it streams');
$b->produce($topic, 'old4');
is(($c->records(1, TIME))[0]{offset}, 3, 'topic added: the first streams on');

# a format more: other rings, so all are told at once

my $told = now();

reload(drain => LONG, topics => "$topic $second",
	more => "location /text { kafka_ws c; kafka_ws_topic $topic; "
	. "kafka_ws_format text; }");

is(($c->wait_close(TIME))[0], 1012, 'format added: close');
is(($s->wait_close(TIME))[0], 1012, 'format added: close of another');
cmp_ok(now() - $told, '<', LONG / 2, 'format added: at once');

$c = started('/?cursor=0:2');
is_deeply($c->{start}{partitions}[0], { partition => 0, offset => 2,
	state => 'resumed' }, 'format added: history is loaded again');
is(join(' ', map { $_->{value} } $c->records(2, TIME)), 'old3 old4',
	'format added: its records');

my $text = KafkaWS::Client->open($t->port(0), '/text',
	format => 'text');

# no start event tells that a text stream has begun
is(connections(2), 2, 'format added: a stream of it');
$b->produce($topic, 'text');
is($text->next_message(TIME)->{payload}, 'text', 'format added: it streams');
is(($c->records(1, TIME))[0]{value}, 'text', 'format added: json, too');

# the zone resized: another zone; its drain is over before a topic that is
# removed then counts as gone

$told = now();
reload(zone => '24m', drain => 3);

is(($c->wait_close(TIME))[0], 1012, 'zone resized: close');
is(($text->wait_close(TIME))[0], 1012, 'zone resized: close of text');
cmp_ok(now() - $told, '<', LONG / 2, 'zone resized: at once');

$c = started('/?cursor=0:4');
is(($c->records(1, TIME))[0]{value}, 'text', 'zone resized: resume');
is(status()->{zone}{size}, 24 << 20, 'zone resized: size');
is(status()->{epoch}, 1, 'zone resized: a life of its own');

# another format in place of the only one: the old workers see rings of as
# many renderings, and must not take the new ones for theirs

reload(zone => '24m', drain => 3, more => 'kafka_ws_format binary;');
is(($c->wait_close(TIME))[0], 1012, 'format replaced: close, and no frame');
is($c->next_json(0), undef, 'format replaced: nor an event');

$text = KafkaWS::Client->open($t->port(0), '/?cursor=0:4', format => 'binary');
is($text->next_message(TIME)->{payload}, 'text', 'format replaced: by this');

reload(zone => '24m', drain => 3);
is(($text->wait_close(TIME))[0], 1012, 'format replaced: close of it');
$c = started('/?cursor=0:5');

# a topic removed, while another stays

reload(zone => '24m', topics => $second, more => "location /second { "
	. "kafka_ws c; kafka_ws_topic $second; }");
is(($c->wait_close(TIME))[0], 1012, 'topic removed: close');
$s = started('/second');

my $r = KafkaWS::Client->connect($t->port(0), "/?cursor=$reason");

is($r->status, 404, 'topic removed: refused');
is($r->body, "topic \"$topic\" is not streamed here\n", 'topic removed: why');
ok(wait_for(TIME, sub { (topics()->{$topic} // 'gone') eq 'gone' }),
	'topic removed: state');

# a bad configuration

my @workers = $t->worker_pids();
my $generation = $t->status()->{generation};

conf(zone => '24m', topics => $second, more => 'kafka_ws_ping never;');
$t->signal('HUP');
ok($t->wait_log(qr/\[emerg\].*kafka_ws_ping/), 'bad configuration: log');
$t->allow_alert(qr/\[emerg\].*kafka_ws_ping/);
$b->produce($second, 'goes on');
is(($s->records(1, TIME))[0]{value}, 'goes on', 'bad configuration: stream');
is_deeply([$t->worker_pids()], \@workers, 'bad configuration: workers');
is($t->status()->{generation}, $generation, 'bad configuration: not counted');
ok(!$s->{close}, 'bad configuration: nobody is closed');

# the locations removed: no consumer

conf(cluster => 0, zone => '24m');
$t->reload();
is(($s->wait_close(TIME))[0], 1012, 'locations removed: close');
is($t->http_get('/')->status, 403, 'locations removed: nginx serves');
ok(wait_for(TIME, sub { !$t->old_worker_pids() }),
	'locations removed: old workers leave');
ok(wait_for(TIME, sub { !$t->helper_pid() }), 'locations removed: no helper');

# and back

conf();
$t->reload();
$c = started('/?cursor=0:4');
is(($c->records(1, TIME))[0]{value}, 'text', 'locations back: resume');
$b->produce($topic, 'last');
is(($c->records(1, TIME))[0]{value}, 'last', 'locations back: stream');
ok($t->helper_pid(), 'locations back: helper');

# the module itself removed: nothing is left of it that could tell the old
# workers a reload from a stop

conf(cluster => 0, load => '');
$t->reload();
is(($c->wait_close(TIME))[0], 1001, 'module removed: close');
is($t->http_get('/')->status, 403, 'module removed: nginx serves');
ok(wait_for(TIME, sub { !$t->old_worker_pids() }),
	'module removed: old workers leave');

###############################################################################

sub conf {
	my %o = (%base, cluster => 1, drain => DRAIN, @_);

	$t->write_file_expand('nginx.conf', <<"EOT");

$o{load}
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    @{[ $o{cluster} ? <<"EOC" : '' ]}
    kafka_ws_drain  $o{drain}s;

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $o{topics};
        zone      c $o{zone};
        ring      256k;
        preload   records=100;
        property  fetch.wait.max.ms 5;
    }
EOC

    server {
        listen  127.0.0.1:%%PORT_0%%;

        @{[ $o{cluster} ? <<"EOC" : '' ]}
        location / {
            kafka_ws        c;
            kafka_ws_topic  "\${empty}$topic";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }

        set  \$empty "";
        $o{more}
EOC
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

	$c->{start} = $c->wait_event('start', 10);

	return $c;
}

sub status { return $t->status()->{clusters}[0] }

sub records { return status()->{records} }

sub topics {
	return { map { $_->{topic} => $_->{state} } @{ status()->{topics} } };
}

sub connections {
	my ($count) = @_;

	wait_for(TIME, sub { status()->{connections} == $count });

	return status()->{connections};
}

###############################################################################
