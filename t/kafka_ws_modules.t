#!/usr/bin/perl

# What other modules of nginx do for a location, they do for a stream:
# authorization, limits, rewriting, the access log.

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

use constant TIME => 10;

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('modules'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(33);

$t->write_file_expand('nginx.conf', <<"EOT")->run();

%%MODULE%%
%%GLOBALS%%

events {
}

http {
    %%GLOBALS_HTTP%%

    kafka_ws_cluster c {
        brokers   %%BROKERS%%;
        topics    $topic;
        zone      c 16m;
        property  fetch.wait.max.ms 5;
    }

    limit_conn_zone  \$http_x_user zone=conn:1m;
    limit_req_zone   \$http_x_user zone=req:1m rate=1r/m;
    proxy_cache_path %%TESTDIR%%/cache keys_zone=cache:1m;

    map \$http_x_user \$allowed_topic {
        default  none;
        ann      $topic;
    }

    log_format  stream  '\$status \$bytes_sent \$request_time \$request_uri';
    access_log  %%TESTDIR%%/stream.log stream;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location / {
            kafka_ws  c;
        }

        location /auth {
            auth_request  /asked;
            kafka_ws      c;
        }

        location = /asked {
            internal;
            if (\$http_x_user = ann) {
                return  204;
            }
            if (\$http_x_user = bob) {
                return  403;
            }
            return  401;
        }

        location /denied {
            deny      all;
            kafka_ws  c;
        }

        location /satisfied {
            satisfy       any;
            deny          all;
            auth_request  /asked;
            kafka_ws      c;
        }

        location /basic {
            auth_basic            "streams";
            auth_basic_user_file  %%TESTDIR%%/passwd;
            kafka_ws              c;
        }

        location /conn {
            limit_conn         conn 2;
            limit_conn_status  429;
            kafka_ws           c;
        }

        location /req {
            limit_req         zone=req burst=1 nodelay;
            limit_req_status  429;
            kafka_ws          c;
        }

        location /map {
            kafka_ws        c;
            kafka_ws_topic  \$allowed_topic;
        }

        location /written {
            rewrite  ^/written/(.*)\$ /\$1 last;
        }

        location /if {
            if (\$arg_no) {
                return  402;
            }
            kafka_ws  c;
        }

        location /cached {
            proxy_cache  cache;
            kafka_ws     c;
        }

        location /mirrored {
            mirror    /mirror;
            kafka_ws  c;
        }

        location = /mirror {
            internal;
            return  204;
        }

        # an application that decides, and says where the stream is

        location = /sent {
            proxy_pass  http://127.0.0.1:%%PORT_0%%/sends;
        }

        location = /sends {
            default_type  text/html;
            add_header    X-Accel-Redirect /inner;
            return        200 "not this";
        }

        location = /inner {
            internal;
            kafka_ws  c;
        }
    }

    # a proxy in front

    server {
        listen  127.0.0.1:%%PORT_1%%;

        location / {
            proxy_pass          http://127.0.0.1:%%PORT_0%%;
            proxy_http_version  1.1;
            proxy_set_header    Host \$http_host;
            proxy_set_header    Upgrade \$http_upgrade;
            proxy_set_header    Connection upgrade;
        }
    }
}

EOT

# crypt of "secret"
$t->write_file('passwd', 'ann:' . crypt('secret', 'ab') . "\n");

###############################################################################

KafkaWS::Client->open($t->port(0), '/')->disconnect();

my @open = map { open_as($_->[0], $_->[1]) } (['/auth', 'ann'],
	['/satisfied', 'ann'], ['/map', 'ann'], ['/written/x'], ['/if'],
	['/cached'], ['/mirrored'], ['/sent']);

push @open, KafkaWS::Client->open($t->port(0), '/basic',
	headers => [Authorization => 'Basic YW5uOnNlY3JldA==']);
push @open, KafkaWS::Client->open($t->port(1), '/through-a-proxy',
	host => 'a', origin => 'http://a');

$_->wait_event('start', TIME) for @open;
$b->produce($topic, 'for all');

is(($_->records(1, TIME))[0]{value}, 'for all', "a stream at $_->{uri}")
	for @open;

is(ask('/auth')->status, 401, 'auth_request: 401');
is(ask('/auth', 'bob')->status, 403, 'auth_request: 403');
is(ask('/denied')->status, 403, 'deny');
is(ask('/satisfied', 'bob')->status, 403, 'satisfy any: none');
is(ask('/basic')->status, 401, 'auth_basic');
is(ask('/map', 'bob')->status, 404, 'map to a topic that is not allowed');
is(ask('/if?no=1')->status, 402, 'return in if');
is(ask('/inner')->status, 404, 'internal');

# limits

my @conn = map { open_as('/conn', 'ann') } 1 .. 2;

is(ask('/conn', 'ann')->status, 429, 'limit_conn');
is(ask('/conn', 'bob')->status, 101, 'limit_conn of another key');
$conn[0]->disconnect();
ok(wait_for(TIME, sub { ask('/conn', 'ann')->status == 101 }),
	'limit_conn counts to the end of a stream');

is(ask('/req', 'ann')->status, 101, 'limit_req');
is(ask('/req', 'ann')->status, 101, 'limit_req, the burst');
is(ask('/req', 'ann')->status, 429, 'limit_req, one more');

# the access log has one line for each stream, written at its end

my $c = open_as('/?last');

$c->wait_event('start', TIME);
unlike($t->read_testfile('stream.log'), qr/last/, 'no line while it streams');

for (1 .. 10) {
	$b->produce($topic, $_ x 100);
	$c->records(1, TIME);
}

$c->close(1000);
is(($c->wait_close(TIME))[0], 1000, 'closed in order');
ok(wait_for(TIME, sub { line('last') }), 'a line at the end');

my ($status, $bytes, $seconds) = split ' ', line('last');

is($status, 101, 'its status');
cmp_ok($bytes, '>', 1200, 'its bytes are those of all frames');
cmp_ok($seconds, '>', 0, 'its time is that of the stream');

is(() = $t->read_testfile('stream.log') =~ /last/g, 1, 'one line');
like(line('denied'), qr/^403 /, 'a refusal has its line');

$_->disconnect() for @open;
ok(wait_for(TIME, sub { line('through-a-proxy') }), 'and a proxied stream');

###############################################################################

sub ask {
	my ($uri, $user) = @_;

	return KafkaWS::Client->connect($t->port(0), $uri,
		headers => [defined $user ? ('X-User' => $user) : ()]);
}

sub open_as {
	my ($uri, $user) = @_;

	return KafkaWS::Client->open($t->port(0), $uri,
		headers => [defined $user ? ('X-User' => $user) : ()]);
}

sub line {
	my ($uri) = @_;

	return (grep { /\Q$uri\E/ } split /\n/,
		$t->read_testfile('stream.log'))[0];
}

###############################################################################
