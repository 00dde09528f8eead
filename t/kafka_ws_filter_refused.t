#!/usr/bin/perl

# A request that has nothing to filter by, or too much, gets 403 and never all
# records: whatever kafka_ws_filter takes its value from.  The client is not
# told by what its records are chosen; the log is.

# brokers: kafka mock

###############################################################################

use warnings;
use strict;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;

use KafkaWS::Broker;
use KafkaWS::Client;
use KafkaWS::Nginx;
use KafkaWS::Probe qw(request refused upgraded);

use constant TIME => 10;

my $full = join ',', 1 .. 100;

my @cases = (
	# uri, headers, answer, what the log names

	# a header
	['/header', ['X-User: ann'], '101'],
	['/header', ['X-User: 0'], '101'],
	['/header', [], 'filter', 'header:user-id'],
	['/header', ['X-User:'], 'filter', 'header:user-id'],

	# an argument
	['/args?u=a', [], '101'],
	['/args?u=,', [], '101'],
	['/args?u=', [], 'filter', 'key'],
	['/args?U=', [], 'filter', 'key'],
	['/args', [], 'filter', 'key'],

	# what is captured, any byte of it
	['/named/%01%ff', [], '101'],
	['/named/', [], 'filter', 'json:/a~1b'],

	# what auth_request says
	['/auth', ['X-User: ann'], '101'],
	['/auth', [], 'filter', 'header:"quoted'],

	# a map without a default
	['/map?u=known', [], '101'],
	['/map?u=other', [], 'filter', 'key'],

	# of several parts, none may be missing: the rest would fit too much
	['/parts?u=a&v=b', [], '101'],
	['/parts?u=a', [], 'filter', 'key'],
	['/parts?v=b', [], 'filter', 'key'],
	['/parts', [], 'filter', 'key'],

	# a list
	['/list', ['X-List: a'], '101'],
	['/list', ['X-List: ,,a, ,b'], '101'],
	['/list', ["X-List: $full"], '101'],
	['/list', ["X-List: ,$full, ,"], '101'],
	['/list', [], 'filter', 'key'],
	['/list', ['X-List: ,'], 'filter', 'key'],
	['/list', ["X-List: , \t,"], 'filter', 'key'],
	['/list', ["X-List: $full,s3cr3t"], 'long filter', 'key'],
	['/list-parts?u=b', [], '101'],
	['/list-parts', [], 'filter', 'key'],

	# all of several; the first that fails is named
	['/three?u=1&v=2&w=3', [], '101'],
	['/three?v=2&w=3', [], 'filter', 'key'],
	['/three?u=1&w=3', [], 'filter', 'header:b'],
	["/three?u=1&v=2&w=$full,101", [], 'long filter', 'json:/c'],
	["/three?u=1&w=$full,101", [], 'filter', 'header:b'],

	# a constant needs nothing
	['/constant', [], '101'],

	# blocks of a location, and locations in it
	['/blocks?if=1&u=a', [], '101'],
	['/blocks?if=1', [], 'filter', 'key'],
	['/limited?u=a', [], '101'],
	['/limited', [], 'filter', 'key'],
	['/outer/inner?u=a', [], '101'],
	['/outer/inner', [], 'filter', 'key'],
);

# where the server has filters: uri, answer, what the log names
my @inherited = (
	['/none?s=1', '101'],
	['/none', 'filter', 'header:server'],
	['/own', 'filter', 'key'],
	['/own?u=1', '101'],
);

my $b = KafkaWS::Broker->new();
my $topic = $b->create_topic($b->topic('filter-refused'));

my $t = KafkaWS::Nginx->new(broker => $b)->plan(@cases + @inherited + 14);

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
        zone      c 32m;
        ring      1m;
        property  fetch.wait.max.ms 5;
    }

    map  \$arg_u  \$mapped {
        known  yes;
    }

    # evaluated anew whenever it is asked for

    map  \$arg_u  \$counted_u {
        volatile;
        default  \$arg_u;
    }

    map  \$arg_v  \$counted_v {
        volatile;
        default  \$arg_v;
    }

    server_tokens      off;
    keepalive_timeout  60s;

    server {
        listen  127.0.0.1:%%PORT_0%%;

        location /header {
            kafka_ws         c;
            kafka_ws_filter  header:user-id = \$http_x_user;
        }

        location /args {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;
        }

        location ~ ^/named/(?<name>(?s:.*))\$ {
            kafka_ws         c;
            kafka_ws_filter  json:/a~1b ^= \$name;
        }

        location /auth {
            auth_request      /asked;
            auth_request_set  \$user \$upstream_http_x_user;
            kafka_ws          c;
            kafka_ws_filter   'header:"quoted' = \$user;
        }

        location = /asked {
            internal;
            proxy_pass               http://127.0.0.1:%%PORT_2%%;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
        }

        location /map {
            kafka_ws         c;
            kafka_ws_filter  key = \$mapped;
        }

        location /parts {
            kafka_ws         c;
            kafka_ws_filter  key ^= t-\${arg_u}-\${arg_v}-;
        }

        location /list {
            kafka_ws         c;
            kafka_ws_filter  key in \$http_x_list;
        }

        location /list-parts {
            kafka_ws         c;
            kafka_ws_filter  key in a,\$arg_u;
        }

        location /three {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;
            kafka_ws_filter  header:b ^= \$arg_v;
            kafka_ws_filter  json:/c in \$arg_w;
        }

        location /constant {
            kafka_ws         c;
            kafka_ws_filter  key = a;
        }

        location /blocks {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;

            if (\$arg_if) {
                set  \$unused 1;
            }
        }

        location /limited {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;

            limit_except POST {
                allow  all;
            }
        }

        location /outer {
            kafka_ws_filter  key = \$arg_u;

            location /outer/inner {
                kafka_ws  c;
            }
        }

        location /counted {
            error_log        %%TESTDIR%%/counted.log debug;
            kafka_ws         c;
            kafka_ws_filter  key ^= \$counted_u;
            kafka_ws_filter  key in \$counted_v,b;
        }

        location /page {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;
            error_page       403 /sorry;
        }

        location = /sorry {
            internal;
            return  200 "sorry";
        }

        location = /after {
            return  200 "after";
        }

        location = /kafka_ws_status {
            kafka_ws_status;
        }
    }

    server {
        listen  127.0.0.1:%%PORT_1%%;

        kafka_ws_filter  header:server = \$arg_s;

        location /none {
            kafka_ws  c;
        }

        location /own {
            kafka_ws         c;
            kafka_ws_filter  key = \$arg_u;
        }

        location = /after {
            return  200 "after";
        }
    }

    # who is asked

    server {
        listen  127.0.0.1:%%PORT_2%%;

        add_header  X-User \$http_x_user;

        location / {
            return  204;
        }
    }
}

EOT

###############################################################################

KafkaWS::Client->open($t->port(0), '/constant')->disconnect();

my $p = KafkaWS::Probe->new($t);

is($p->ask(request($_->[0], more => $_->[1])), answer(@$_[2, 3]), name($_))
	for @cases;

$p->{port} = $t->port(1);

is($p->ask(request($_->[0])), answer(@$_[1, 2]), "of the server: $_->[0]")
	for @inherited;

$p->{port} = $t->port(0);

# counted, by its own name

my $status = $t->status()->{clusters}[0];

is($status->{refusals}{filter}, (grep { $_->[2] ne '101' } @cases)
	+ (grep { $_->[1] ne '101' } @inherited), 'each is counted');
is_deeply([grep { $status->{refusals}{$_} && !/^(?:filter|not_ready)$/ }
	keys %{ $status->{refusals} }], [], 'and as nothing else');
is($status->{renderings}, 2, 'the fields are one rendering, beside json');
unlike($t->read_testfile('error.log') =~ s/, request: .*//mgr, qr/s3cr3t/,
	'no value is logged');

# the line in the log

like($t->read_testfile('error.log'),
	qr{^\S+\ \S+\ \[info\]\ \d+\#\d+:\ \*\d+\ kafka\ ws\ refused\ with
		\ 403:\ nothing\ to\ filter\ by:\ header:user-id,
		\ client:\ 127\.0\.0\.1,\ server:\ ,
		\ request:\ "GET\ /header\ HTTP/1\.1"}mx,
	'the whole line');

# nginx's own pages

my $r = KafkaWS::Client->connect($t->port(0), '/page');

is($r->status, 403, 'with a page: status');
is($r->body, 'sorry', 'with a page: the page');
is($r->header('Upgrade'), undef, 'with a page: no upgrade');

# each value is evaluated once, also where it is refused

my $c = KafkaWS::Client->open($t->port(0), '/counted?u=first&v=second');

ok($c->wait_event('start', TIME), 'a stream with two values');
$c->disconnect();

for ('?u=third&v=', '?v=fourth') {
	is(KafkaWS::Client->connect($t->port(0), "/counted$_")->status, 403,
		"$_: refused");
}

$t->http_get('/after');

my %count;

$count{$_}++ for $t->read_testfile('counted.log')
	=~ /\[debug\] .* http map: "(\w*)"/g;

is_deeply([map { $count{$_} } qw(first second third)], [1, 1, 1],
	'each value is evaluated once');
is($count{fourth}, undef, 'and none behind one that is refused');
is($count{''}, 2, 'nor is an empty one');

###############################################################################

sub name {
	my ($case) = @_;
	my ($uri, $headers) = @$case;

	return substr join(' ', $uri, @$headers), 0, 60;
}

sub answer {
	my ($answer, $detail) = @_;

	return $answer eq '101' ? upgraded()
		: refused($answer, detail => $detail);
}

###############################################################################
