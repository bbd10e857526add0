
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::JWT;

# Keys and tokens: HMAC by Digest::SHA, all else by the openssl tool.

use strict;
use warnings;

use Digest::SHA;
use File::Temp ();
use MIME::Base64 qw( encode_base64url decode_base64url );
use Time::HiRes ();

use Test::Nginx::WebSocket::Match qw( as_bytes parse_prefix );

# long enough for HS512
use constant SECRET => 
    'a-secret-for-the-tests-of-sixty-four-bytes-0123456789abcdefghijk';

my %Generate = (
    rsa     => sub { ('RSA', 'rsa_keygen_bits:' . ($_[0] || 2048)) },
    ec256   => sub { ('EC', 'ec_paramgen_curve:P-256') },
    ec384   => sub { ('EC', 'ec_paramgen_curve:P-384') },
    ec521   => sub { ('EC', 'ec_paramgen_curve:P-521') },
    ed25519 => sub { ('ED25519') },
);
my %Algorithm = (hs => 'HS256', rsa => 'RS256', ec256 => 'ES256',
                 ec384 => 'ES384', ec521 => 'ES512', ed25519 => 'EdDSA');
my %Type = (HS => 'hs', RS => 'rsa', PS => 'rsa', ES256 => 'ec256',
            ES384 => 'ec384', ES512 => 'ec521', Ed => 'ed25519');
my @Jwks = qw( rsa ec256 ec384 ec521 ed25519 );

our $Dir;       # where the keys are, set by the suite

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "cannot read $path: $!\n";
    local $/;
    return readline $in;
}

sub spew {
    my ($path, $bytes) = @_;
    open my $out, '>:raw', "$path.tmp" or die "cannot write $path: $!\n";
    print $out $bytes;
    close $out or die "cannot write $path: $!\n";
    rename "$path.tmp", $path or die "cannot rename to $path: $!\n";
}

sub openssl {
    my (@args) = @_;
    open my $out, '-|', 'sh', '-c', 'exec openssl "$@" 2>"$0"', "$Dir/stderr",
        @args or die "cannot run openssl: $!\n";
    binmode $out;
    my $bytes = do { local $/; readline $out };
    close $out or die "openssl @args failed: " . slurp("$Dir/stderr");
    return $bytes;
}

# "rsa", "rsa-other", "rsa-1024", "hs", "hs-other"...: type and variant
sub split_name {
    my ($name) = @_;
    my ($type, $variant) = $name =~ /\A([a-z]+[0-9]*)(?:-(\w+))?\z/;

    die "unknown key \"$name\"\n" unless $type && $Algorithm{$type};
    return ($type, $variant // '');
}

sub secret {
    my ($name) = @_;
    my (undef, $variant) = split_name($name);
    return $variant eq '' ? SECRET : Digest::SHA::sha512_hex($variant);
}

sub private_key {
    my ($name) = @_;
    my ($type, $variant) = split_name($name);
    my $path = "$Dir/$name.pem";

    return $path if -e $path;
    my ($algorithm, @options) =
        $Generate{$type}->($variant =~ /\A\d+\z/ ? $variant : 0);
    spew($path, openssl('genpkey', '-algorithm', $algorithm,
                        map { ('-pkeyopt', $_) } @options));
    return $path;
}

sub jwk {
    my ($name) = @_;
    my ($type) = split_name($name);
    my %jwk = (kid => $name, use => 'sig', alg => $Algorithm{$type});

    if ($type eq 'hs') {
        return {%jwk, kty => 'oct', k => encode_base64url(secret($name))};
    }

    my $path = private_key($name);
    if ($type eq 'rsa') {
        my ($n) = openssl('rsa', '-in', $path, '-noout', '-modulus')
                  =~ /=([0-9A-F]+)/;
        delete $jwk{alg};       # RS* and PS*
        return {%jwk, kty => 'RSA', e => 'AQAB',
                n => encode_base64url(pack 'H*', $n)};
    }

    # a raw public key is the tail of its SubjectPublicKeyInfo
    my $der = openssl('pkey', '-in', $path, '-pubout', '-outform', 'DER');
    if ($type eq 'ed25519') {
        return {%jwk, kty => 'OKP', crv => 'Ed25519',
                x => encode_base64url(substr $der, -32)};
    }

    my ($curve) = $type =~ /(\d+)/;
    my $size = int(($curve + 7) / 8);
    return {%jwk, kty => 'EC', crv => "P-$curve",
            x => encode_base64url(substr $der, -2 * $size, $size),
            y => encode_base64url(substr $der, -$size)};
}

# makes what a block asks for by $TEST_NGINX_KEYS/FILE
sub make_file {
    my ($file) = @_;
    my $path = "$Dir/$file";
    return $path if -e $path;

    if ($file =~ /\Acert\.(?:pem|key)\z/) {
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt',
                'ec_paramgen_curve:P-256', '-nodes', '-days', 2, '-subj',
                '/CN=localhost', '-keyout', "$Dir/cert.key",
                '-out', "$Dir/cert.pem");

    } elsif ($file =~ /\A([\w-]+)\.key\z/) {
        spew($path, secret($1));

    } elsif ($file =~ /\A([\w-]+)\.pub\.pem\z/) {
        spew($path, openssl('pkey', '-in', private_key($1), '-pubout'));

    } elsif ($file =~ /\A([\w-]+)\.pem\z/) {
        private_key($1);

    } elsif ($file =~ /\A(jwks|[\w-]+(?=\.))(?:\.jwks)?\.json\z/) {
        my @names = $1 eq 'jwks' ? @Jwks : $1;
        spew($path, JSON::PP->new->canonical
                            ->encode({keys => [map { jwk($_) } @names]}));

    } else {
        die "no such key file: $file\n";
    }
    return $path;
}

sub sign {
    my ($alg, $key, $input) = @_;
    my ($family, $bits) = $alg =~ /\A(HS|RS|PS|ES|EdDSA)(256|384|512)?\z/
        or die "cannot sign with \"$alg\"\n";

    if ($family eq 'HS') {
        no strict 'refs';
        return &{"Digest::SHA::hmac_sha$bits"}($input, $key);
    }

    my $in = File::Temp->new(DIR => $Dir);
    print $in $input;
    $in->flush;

    if ($family eq 'EdDSA') {
        return openssl('pkeyutl', '-sign', '-rawin', '-inkey', $key,
                       '-in', $in->filename);
    }

    my @pss = map { ('-sigopt', $_) }
              $family eq 'PS' ? ('rsa_padding_mode:pss', 'rsa_pss_saltlen:-1')
                              : ();
    my $signature = openssl('dgst', "-sha$bits", '-sign', $key, @pss,
                            $in->filename);
    return $signature unless $family eq 'ES';

    # DER SEQUENCE of two INTEGERs to r || s of fixed width
    my $size = $bits == 512 ? 66 : $bits / 8;
    my ($rest) = unpack 'x' . (ord(substr $signature, 1) & 0x80 ? 'x2' : 'x1')
                        . ' a*', $signature;
    my @integers = unpack '(x C/a)2', $rest;
    return join '', map { substr(("\0" x $size) . $_, -$size) } @integers;
}

# {"user_id":1,"exp":"+60"} key=rsa alg=PS256 kid=a header={...} forge=strip,
# raw="bytes of a payload", rawheader="bytes of a header", token=LITERAL
sub mint {
    my ($spec) = @_;
    my ($payload, %o);

    if ($spec =~ /\A\s*\{/) {
        (undef, $payload, $spec) = parse_prefix($spec, 1);
    }

    while ($spec =~ s/\A\s*(\w+)=//) {
        my $name = $1;
        die "unknown option \"$name\"\n"
            unless $name =~ /\A(?:key|alg|kid|header|rawheader|forge|raw|token
                              |secret)\z/x;
        if ($name eq 'header') {
            ($o{$name}, undef, $spec) = parse_prefix($spec, 1);

        } else {
            $spec =~ s/\A("(?:[^"\\]|\\.)*"|\S*)//;
            $o{$name} = $1;
            $o{$name} = as_bytes($o{$name}) if $o{$name} =~ /\A"/;
        }
    }
    die "not understood: $spec\n" if $spec =~ /\S/;
    return $o{token} if defined $o{token};

    $payload = $o{raw} if defined $o{raw};
    die "no payload\n" unless defined $payload;
    $payload =~ s/("(?:exp|nbf|iat)"\s*:\s*)"([+-]\d+)"/$1 . (time() + $2)/ge;
    $payload =~ s/("(?:exp|nbf|iat)"\s*:\s*)"([+-]\d+\.\d+)"
                 /$1 . sprintf '%.3f', Time::HiRes::time() + $2/gex;

    my $key = $o{key} // (defined $o{alg} && $o{alg} =~ /\A(ES...|..)/
                          && $Type{$1} || 'hs');
    $key = 'hs-other' if $key eq 'other';
    my $alg = $o{alg} // ($key =~ m{/} ? 'RS256'
                                       : $Algorithm{(split_name($key))[0]});
    my $forge = $o{forge} // '';

    if ($forge eq 'confusion') {        # the public key's text as HMAC secret
        $key = 'rsa' if $key =~ /\Ahs/;
        $o{secret} = slurp(make_file("$key.pub.pem"));
        $alg = $o{alg} && $o{alg} =~ /\AHS/ ? $o{alg} : 'HS256';
    }

    my %header = (alg => $forge eq 'none' ? 'none' : $alg, typ => 'JWT');
    $header{kid} = $o{kid} if defined $o{kid};
    %header = (%header, %{$o{header}}) if $o{header};
    delete @header{grep { !defined $header{$_} } keys %header};

    my $head = $o{rawheader} // JSON::PP->new->canonical->encode(\%header);
    my $input = join '.', map { encode_base64url($_) } $head, $payload;
    return "$input." if $forge eq 'none' || $forge eq 'strip';

    my $signature = sign($alg, $alg =~ /\AHS/ ? $o{secret} // secret($key)
                               : $key =~ m{/} ? $key : private_key($key),
                         $input);
    if ($forge eq 'flip') {
        substr($signature, 0, 1) ^= "\x01";

    } elsif ($forge eq 'junk') {
        return "$input." . encode_base64url($signature) . '!!!';

    } elsif ($forge eq 'spare') {       # the same bytes, written otherwise
        my $text = encode_base64url($signature);
        my $digits = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-_';
        substr($text, -1) = substr $digits, index($digits, substr $text, -1)
                                            ^ 1, 1;
        return "$input.$text";

    } elsif ($forge eq 'zero') {
        $signature = "\0" x length $signature;

    } elsif ($forge eq 'swap') {        # the signature of another payload
        my ($head) = split /\./, $input;
        $payload =~ s/(\d)/$1 ^ 1/e;
        $input = $head . '.' . encode_base64url($payload);

    } elsif ($forge ne '' && $forge ne 'confusion') {
        die "unknown forgery \"$forge\"\n";
    }
    return "$input." . encode_base64url($signature);
}

# the lines of a "--- jwt" section, as a list of name and token
sub mint_all {
    my ($text) = @_;
    my %tokens;

    for my $line (split /\n/, $text) {
        next if $line =~ /\A\s*(?:#|\z)/;
        $line =~ s/\$(TEST_NGINX_\w+)/$ENV{$1} \/\/ die "no $1\n"/ge;
        my ($name, $spec) = $line =~ /\A(\w+):\s*(.*)\z/s
            or die "bad line in jwt: $line\n";
        $tokens{$name} = eval { mint($spec) };
        die "jwt $name: $@" if $@;
    }
    return %tokens;
}

1;
